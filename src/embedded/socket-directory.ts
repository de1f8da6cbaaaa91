import { lstat, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeServerDirectory } from './cluster.ts';
import { NOBODY, type Launcher } from './launch.ts';

/** sockaddr_un holds 108 bytes on Linux and 104 elsewhere; the file in the directory is `/.s.PGSQL.65535`. */
const LONGEST_DIRECTORY = 103 - '/.s.PGSQL.65535'.length;

/**
 * A directory for the server's Unix socket that only we and the server can enter: in `home`, or below the system's temporary
 * directory when that name would be too long.
 * @param remembered the one of the last start
 * @returns null on platforms without Unix sockets
 */
export async function socketDirectory(
  launcher: Launcher,
  home: string,
  remembered: string | null,
): Promise<string | null> {
  if (process.platform === 'win32') return null;
  const inside = path.join(home, 'run');
  if (Buffer.byteLength(inside) <= LONGEST_DIRECTORY) {
    await makeServerDirectory(launcher, inside);
    return inside;
  }
  if (remembered !== null && (await isPrivate(remembered))) return remembered;
  const outside = await mkdtemp(path.join(tmpdir(), 'patgate-'));
  await makeServerDirectory(launcher, outside);
  return outside;
}

/** Temporary directories are everyone's: what lies at a remembered name may be someone else's by now. */
async function isPrivate(directory: string): Promise<boolean> {
  try {
    const found = await lstat(directory);
    const owned = found.uid === process.getuid?.() || (process.getuid?.() === 0 && found.uid === NOBODY);
    return found.isDirectory() && owned && (found.mode & 0o077) === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
