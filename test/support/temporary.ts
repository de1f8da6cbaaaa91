import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** A directory that goes with the test. @param owner uid it is given to; needs root */
export async function temporaryDirectory(owner?: number): Promise<string> {
  const directory = await makeDirectory();
  if (owner !== undefined) await chown(directory, owner, owner);
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A directory that the caller removes. */
export function makeDirectory(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), 'pgd-'));
}
