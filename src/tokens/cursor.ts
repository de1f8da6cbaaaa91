import { z } from 'zod';
import { RequestError } from '../core/errors.ts';
import type { TokenSort } from './views.ts';

/** PostgreSQL has no year 0. */
const TIME = z.union([z.iso.datetime().regex(/^(?!0000)/), z.enum(['infinity', '-infinity'])]);

const CursorShape = z.discriminatedUnion('sort', [
  z.object({
    sort: z.enum(['createdAt', 'expiresAt', 'lastUsedAt']),
    direction: z.enum(['asc', 'desc']),
    key: TIME,
    tid: z.uuid(),
  }),
  z.object({
    sort: z.enum(['label', 'owner']),
    direction: z.enum(['asc', 'desc']),
    // PostgreSQL's text holds no NUL.
    key: z
      .string()
      .max(1000)
      .regex(/^[^\0]*$/),
    tid: z.uuid(),
  }),
]);

/** The last row of a page: the next one goes on behind it, whatever was added or revoked in between. */
export type Cursor = z.infer<typeof CursorShape>;

export function encodeCursor(cursor: {
  readonly sort: TokenSort;
  readonly direction: 'asc' | 'desc';
  readonly key: string;
  readonly tid: string;
}): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** @throws RequestError request.invalid, also for a cursor of a list that is sorted otherwise */
export function decodeCursor(text: string, sort: TokenSort, direction: 'asc' | 'desc'): Cursor {
  const cursor = CursorShape.safeParse(parseJson(Buffer.from(text, 'base64url').toString('utf8')));
  if (cursor.success && cursor.data.sort === sort && cursor.data.direction === direction) return cursor.data;
  throw new RequestError('request.invalid', 'The cursor is not one of this list.');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
