import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { processIdentity } from './process.ts';

/** Who uses the embedded PostgreSQL: a file for each, named `pid-random`, holding the identity of the process. */
export interface Registration {
  readonly file: string;
}

/** Call under the lock. */
export async function register(directory: string): Promise<Registration> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, `${process.pid}-${randomUUID()}`);
  await writeFile(file, (await processIdentity(process.pid)) ?? '', { mode: 0o600 });
  return { file };
}

/** Call under the lock. @returns whether nobody alive is left; files of the dead are removed */
export async function unregister(directory: string, registration: Registration): Promise<boolean> {
  await rm(registration.file, { force: true });
  let anyoneLeft = false;
  for (const name of await readdir(directory)) {
    const file = path.join(directory, name);
    const identity = await readFile(file, 'utf8');
    if ((await processIdentity(Number.parseInt(name, 10))) === identity) anyoneLeft = true;
    else await rm(file, { force: true });
  }
  return !anyoneLeft;
}
