import { sql } from 'kysely';
import { effectivePrivileges } from '../accounts/actor.ts';
import { RequestError } from '../core/errors.ts';
import { isUuid } from '../core/uuid.ts';
import type { ScramParameters } from '../scram/keys.ts';
import type { Policy } from '../store/policy.ts';
import type { GrantsTable } from '../store/schema.ts';
import type { Store, StoreTransaction } from '../store/store.ts';

/** @throws RequestError request.not_found */
export async function scramParametersOf(store: Store, uid: string): Promise<ScramParameters> {
  if (!isUuid(uid)) throw noSuchUser();
  const row = await store.db
    .selectFrom('users')
    .select(['scram_salt', 'scram_iterations'])
    .where('uid', '=', uid)
    .executeTakeFirst();
  if (row === undefined) throw noSuchUser();
  return { salt: row.scram_salt, iterations: row.scram_iterations };
}

export interface Owner {
  readonly uid: string;
  readonly name: string;
  readonly engineRole: string | null;
}

/**
 * The user who is to get a token, held still until the transaction ends, so that two requests count live tokens one after
 * the other.
 * @throws RequestError request.not_found, request.conflict, policy.no_privilege
 */
export async function lockOwner(trx: StoreTransaction, uid: string, policy: Policy): Promise<Owner> {
  const user = await trx
    .selectFrom('users')
    .select(['uid', 'name', 'engine_role', 'disabled_at', 'removed_at'])
    .where('uid', '=', uid)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (user === undefined || user.removed_at !== null) throw noSuchUser();
  if (user.disabled_at !== null)
    throw new RequestError('request.conflict', `User "${user.name}" is disabled.`);
  const { rows } = await sql<Pick<GrantsTable, 'privilege'>>`
    select g.privilege from patgate.grants g
    where g.grantee in (select ${uid}::uuid union all select m.gid from patgate.members m where m.uid = ${uid})`.execute(
    trx,
  );
  const granted = rows.map((row) => row.privilege);
  if (!effectivePrivileges(granted, policy.createAndUse === 'everyone').has('can_use')) {
    throw new RequestError(
      'policy.no_privilege',
      `User "${user.name}" does not have permission to use tokens.`,
    );
  }
  return { uid: user.uid, name: user.name, engineRole: user.engine_role };
}

/**
 * @param retiring whether to count those in the overlap of a rotation, or the others
 * @throws RequestError policy.too_many_tokens, when there is no room for one more
 */
export async function demandRoom(
  trx: StoreTransaction,
  uid: string,
  retiring: boolean,
  { now, policy }: { readonly now: Date; readonly policy: Policy },
): Promise<void> {
  const { live } = await trx
    .selectFrom('tokens')
    .select((eb) => eb.fn.countAll<number>().as('live'))
    .where('uid', '=', uid)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .$if(retiring, (query) => query.where('retires_at', '>', now))
    .$if(!retiring, (query) => query.where('retires_at', 'is', null))
    .executeTakeFirstOrThrow();
  const most = policy.maxLiveTokensPerUser;
  if (live < most) return;
  const which = retiring ? 'rotated tokens in their overlap' : 'live tokens';
  throw new RequestError(
    'policy.too_many_tokens',
    `A user may hold ${most} ${which} at most; revoke one that is not needed any more.`,
  );
}

function noSuchUser(): RequestError {
  return new RequestError('request.not_found', 'There is no such user.');
}
