import { sql } from 'kysely';
import { RequestError } from '../core/errors.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { AccountDeps } from './account-deps.ts';
import type { Actor } from './actor.ts';
import { changeUser } from './change-user.ts';
import { demandAdmin } from './permission.ts';
import type { UserView } from './views.ts';

export async function disableUser(deps: AccountDeps, actor: Actor, uid: string): Promise<UserView> {
  demandAdmin(actor);
  return changeUser(deps, actor, uid, { action: 'user.disable', detail: null }, async (trx, user) => {
    await demandAnotherAdmin(trx, user);
    const at = deps.clock.now();
    await trx
      .updateTable('users')
      .set({ disabled_at: at })
      .where('uid', '=', uid)
      .where('disabled_at', 'is', null)
      .execute();
    await trx.deleteFrom('http_sessions').where('uid', '=', uid).execute();
  });
}

export async function enableUser(deps: AccountDeps, actor: Actor, uid: string): Promise<UserView> {
  demandAdmin(actor);
  return changeUser(deps, actor, uid, { action: 'user.enable', detail: null }, async (trx) => {
    await trx.updateTable('users').set({ disabled_at: null }).where('uid', '=', uid).execute();
  });
}

export async function removeUser(deps: AccountDeps, actor: Actor, uid: string): Promise<UserView> {
  demandAdmin(actor);
  return changeUser(deps, actor, uid, { action: 'user.remove', detail: null }, async (trx, user) => {
    await demandAnotherAdmin(trx, user);
    await trx
      .updateTable('users')
      .set({ removed_at: deps.clock.now(), password: null })
      .where('uid', '=', uid)
      .execute();
    await trx.deleteFrom('http_sessions').where('uid', '=', uid).execute();
    await trx.deleteFrom('members').where('uid', '=', uid).execute();
    await trx.deleteFrom('grants').where('grantee', '=', uid).execute();
  });
}

/**
 * Someone must be left who can undo what is done. The grants of *admin* are locked, so that two administrators cannot remove
 * each other at the same moment.
 * @throws RequestError request.conflict
 */
async function demandAnotherAdmin(
  trx: StoreTransaction,
  leaving: Pick<UserView, 'uid' | 'name' | 'privileges'>,
): Promise<void> {
  if (!leaving.privileges.includes('admin')) return;
  await trx.selectFrom('grants').select('grantee').where('privilege', '=', 'admin').forUpdate().execute();
  const { rows } = await sql`
    select 1 from patgate.users u
    where u.uid <> ${leaving.uid} and u.disabled_at is null and u.removed_at is null and exists (
      select 1 from patgate.grants g where g.privilege = 'admin'
        and g.grantee in (select u.uid union all select m.gid from patgate.members m where m.uid = u.uid)
    ) limit 1`.execute(trx);
  if (rows.length > 0) return;
  throw new RequestError(
    'request.conflict',
    `"${leaving.name}" is the last administrator; make another one first.`,
  );
}
