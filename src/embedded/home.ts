import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { embeddedFailed } from './failure.ts';
import { NOBODY } from './launch.ts';

/** Everything of the embedded PostgreSQL lies in one directory. */
export interface Home {
  readonly directory: string;
  /** The cluster. */
  readonly data: string;
  readonly log: string;
  readonly locks: string;
  readonly users: string;
  /** Passwords of the demo's roles in the form of PgBouncer's userlist.txt. */
  readonly userlist: string;
}

/** Larger logs are put aside at the next start; one old log is kept. */
const LOG_LIMIT_BYTES = 8 * 1024 * 1024;

/** @throws RequestError embedded.failed when the directory cannot be made */
export async function openHome(dataDir: string): Promise<Home> {
  const directory = path.join(path.resolve(dataDir), 'embedded');
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw embeddedFailed(`cannot make the directory ${directory}`, String(cause), { cause });
  }
  await refuseForeign(directory);
  return {
    directory,
    data: path.join(directory, 'data'),
    log: path.join(directory, 'postgres.log'),
    locks: path.join(directory, 'locks'),
    users: path.join(directory, 'users'),
    userlist: path.join(directory, 'userlist.txt'),
  };
}

/** As root, files made here would lock the owner out. */
async function refuseForeign(directory: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid } = await stat(directory);
  if (uid === 0 || uid === NOBODY) return;
  throw embeddedFailed(`${directory} belongs to the user with number ${uid}: run this as that user`);
}

export async function isThere(file: string): Promise<boolean> {
  return (await sizeOf(file)) !== null;
}

/** Keeps the log from growing for ever. */
export async function turnLog(file: string): Promise<void> {
  const size = await sizeOf(file);
  if (size === null || size < LOG_LIMIT_BYTES) return;
  await rm(`${file}.old`, { force: true });
  await rename(file, `${file}.old`);
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
