import { open } from 'node:fs/promises';
import { RequestError } from '../core/errors.ts';

const TAIL_BYTES = 4096;
const FULL_TEXT = /No space left on device/i;

/** Whether Node says that a disk, or somebody's share of it, is full. */
export function isDiskFull(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The embedded PostgreSQL could not do its work; says what was tried and what PostgreSQL wrote about it. */
export function embeddedFailed(what: string, output = '', options?: { cause?: unknown }): RequestError {
  // Behind everything else that PostgreSQL wrote, this is what is to be done something about.
  if (isDiskFull(options?.cause) || FULL_TEXT.test(output)) {
    return new RequestError('embedded.failed', `${what}: there is no space left on the disk`, options);
  }
  const tail = output.trim();
  const text = tail === '' ? what : `${what}; PostgreSQL wrote:\n${tail}`;
  return new RequestError('embedded.failed', text, options);
}

/** The last lines of a log file, from `fromByte` on; empty when there is no such file. */
export async function logTail(path: string, fromByte = 0): Promise<string> {
  let file;
  try {
    file = await open(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = await file.stat();
    const start = Math.max(fromByte, size - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await file.close();
  }
}
