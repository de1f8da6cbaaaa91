import { sql } from 'kysely';
import { RequestError } from '../core/errors.ts';
import { isUuid } from '../core/uuid.ts';
import type { AuditAction } from '../store/audit.ts';
import { lockPolicy } from '../store/policy.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { AccountDeps } from './account-deps.ts';
import type { Actor } from './actor.ts';
import { auditEntry } from './permission.ts';
import { taken } from './user-names.ts';
import { findUserRow, selectUsers } from './user-rows.ts';
import type { UserView } from './views.ts';

/** Changes a user under the policy's lock and its own, with its audit row and the word to all processes in the same transaction. */
export async function changeUser(
  deps: AccountDeps,
  actor: Actor,
  uid: string,
  what: { readonly action: AuditAction; readonly detail: Readonly<Record<string, unknown>> | null },
  work: (trx: StoreTransaction, user: UserView) => Promise<void>,
): Promise<UserView> {
  const { store, audit, bus } = deps;
  if (!isUuid(uid)) throw noSuchUser();
  await store
    .transaction(async (trx) => {
      await lockPolicy(trx, 'update');
      const [user] = await selectUsers(
        trx,
        sql`where u.uid = ${uid} and u.removed_at is null for no key update of u`,
      );
      if (user === undefined) throw noSuchUser();
      await work(trx, user);
      const target = { kind: 'user', id: uid, name: user.name };
      await audit.append(auditEntry(actor, what.action, target, { detail: what.detail }), trx);
      await bus.publish({ kind: 'account', uid }, trx);
    })
    .catch((error: unknown) => {
      throw taken(error, uid) ?? error;
    });
  return readUser(deps, uid);
}

export async function readUser(deps: AccountDeps, uid: string): Promise<UserView> {
  const user = await findUserRow(deps.store.db, { uid });
  if (user === null) throw noSuchUser();
  return user;
}

export function noSuchUser(): RequestError {
  return new RequestError('request.not_found', 'There is no such user.');
}
