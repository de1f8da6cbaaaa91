import { execFile } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeDirectory } from './temporary.ts';

const run = promisify(execFile);
const CHUNK = Buffer.alloc(64 * 1024);

/** A file system of its own. */
export interface SmallDisk {
  readonly directory: string;
  /** Leaves no byte. */
  fill(): Promise<void>;
  /** After fill: gives all of it back. */
  free(): Promise<void>;
  unmount(): Promise<void>;
}

/** In memory; needs root. */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const directory = await makeDirectory();
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'patgate-test', directory]);
  const ballast = path.join(directory, 'ballast');
  return {
    directory,
    async fill() {
      const file = await open(ballast, 'a');
      try {
        // To the last page, which takes less than a chunk.
        for (const size of [CHUNK.length, 4096, 1]) await writeUntilFull(file, CHUNK.subarray(0, size));
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    async unmount() {
      // Also under a process that is just about to end.
      await run('umount', ['--lazy', directory]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function writeUntilFull(file: Awaited<ReturnType<typeof open>>, chunk: Buffer): Promise<void> {
  try {
    for (;;) await file.write(chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
