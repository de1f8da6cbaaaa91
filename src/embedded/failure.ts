import { open } from 'node:fs/promises';
import { RequestError } from '../core/errors.ts';

const TAIL_BYTES = 4096;

/** The embedded PostgreSQL could not do its work; says what was tried and what PostgreSQL wrote about it. */
export function embeddedFailed(what: string, output = '', options?: { cause?: unknown }): RequestError {
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
