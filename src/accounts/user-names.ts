import { sql } from 'kysely';
import { RequestError } from '../core/errors.ts';
import { violates } from '../store/errors.ts';
import type { StoreTransaction } from '../store/store.ts';

/**
 * Nobody's name may be the e-mail address of somebody else, or it would depend on the order of look-ups who logs in by it. The
 * caller holds the policy's lock, so that no two such users are made at once.
 * @throws RequestError request.conflict
 */
export async function demandOwnNames(
  trx: StoreTransaction,
  { uid, name, email }: { readonly uid: string; readonly name: string; readonly email: string | null },
): Promise<void> {
  const { rows } = await sql<{ by_name: boolean }>`
    select lower(u.email) = lower(${name}) as by_name from patgate.users u
    where u.removed_at is null and u.uid <> ${uid}
      and (lower(u.email) = lower(${name}) or lower(u.name) = lower(${email}::text)) limit 1`.execute(trx);
  const [other] = rows;
  if (other === undefined) return;
  const conflict = (field: string, message: string) =>
    new RequestError('request.conflict', message, { field });
  throw other.by_name
    ? conflict('name', `"${name}" is the e-mail address of another user.`)
    : conflict('email', 'The e-mail address is the name of another user.');
}

/** What an administrator is told of a name, e-mail or id that somebody else has; null for other errors. */
export function taken(error: unknown, name: string): RequestError | null {
  const conflict = (field: string, message: string) =>
    new RequestError('request.conflict', message, { cause: error, field });
  if (violates(error, 'users_name')) return conflict('name', `There is a user "${name}" already.`);
  if (violates(error, 'users_email')) return conflict('email', 'Another user has that e-mail address.');
  if (violates(error, 'users_application_id_key'))
    return conflict('applicationId', 'Another service principal has that application id.');
  return null;
}
