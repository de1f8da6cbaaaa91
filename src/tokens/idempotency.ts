import type { Kysely } from 'kysely';
import type { Actor } from '../accounts/actor.ts';
import { RequestError } from '../core/errors.ts';
import type { Database } from '../store/schema.ts';

const KEY = /^[\x21-\x7e]{1,200}$/;

/**
 * The key under which a request's token is found again. Each caller has keys of its own.
 * @throws RequestError request.invalid
 */
export function idempotencyKey(actor: Actor, key: string | undefined): string | null {
  if (key === undefined) return null;
  if (!KEY.test(key)) {
    throw new RequestError(
      'request.invalid',
      'An idempotency key has 1 to 200 printable characters, no spaces.',
    );
  }
  return `${actor.uid ?? actor.via}:${key}`;
}

/**
 * @param rotatedFrom what the request rotates; null when it makes a token
 * @returns the tid that an earlier request with that key made; null when there was none
 * @throws RequestError request.conflict, when that was a request for something else
 */
export async function repeatedRequest(
  db: Kysely<Database>,
  key: string | null,
  rotatedFrom: string | null,
): Promise<string | null> {
  if (key === null) return null;
  const earlier = await db
    .selectFrom('tokens')
    .select(['tid', 'rotated_from'])
    .where('idempotency_key', '=', key)
    .executeTakeFirst();
  if (earlier === undefined) return null;
  if (earlier.rotated_from === rotatedFrom) return earlier.tid;
  throw new RequestError('request.conflict', 'That idempotency key was used for another request.');
}
