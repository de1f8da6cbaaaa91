import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { RequestError } from '../core/errors.ts';
import { violates } from '../store/errors.ts';
import type { AccountDeps } from './account-deps.ts';
import { checkName } from './account-rules.ts';
import type { Actor } from './actor.ts';
import { changeRights, gidOf, keepingAnAdmin, uidOf } from './change-rights.ts';
import { demandAdmin, demandPrivilege } from './permission.ts';
import type { GroupView } from './views.ts';

export async function addGroup(deps: AccountDeps, actor: Actor, name: string): Promise<GroupView> {
  demandAdmin(actor);
  const group = { gid: randomUUID(), name: checkName(name, 'group', []), created_at: deps.clock.now() };
  await changeRights(deps, actor, 'group.add', { kind: 'group', id: group.gid, name }, null, async (trx) => {
    await trx.insertInto('groups').values(group).execute();
  }).catch((error: unknown) => {
    if (!violates(error, 'groups_name_key')) throw error;
    throw new RequestError('request.conflict', `There is a group "${name}" already.`, { cause: error });
  });
  return { gid: group.gid, name, members: [], createdAt: group.created_at };
}

export async function listGroups(deps: AccountDeps, actor: Actor): Promise<readonly GroupView[]> {
  demandPrivilege(actor, 'manage_all');
  const { rows } = await sql<GroupView>`
    select g.gid, g.name, g.created_at as "createdAt", array(
      select u.name from patgate.members m join patgate.users u on u.uid = m.uid where m.gid = g.gid order by u.name
    ) as members from patgate.groups g order by g.name`.execute(deps.store.db);
  return rows;
}

export async function removeGroup(deps: AccountDeps, actor: Actor, name: string): Promise<void> {
  demandAdmin(actor);
  const gid = await gidOf(deps.store.db, name);
  await changeRights(deps, actor, 'group.remove', { kind: 'group', id: gid, name }, null, async (trx) => {
    await keepingAnAdmin(trx, async () => {
      await trx.deleteFrom('grants').where('grantee', '=', gid).execute();
      await trx.deleteFrom('groups').where('gid', '=', gid).execute();
    });
  });
}

export async function addMember(
  deps: AccountDeps,
  actor: Actor,
  group: string,
  userName: string,
): Promise<void> {
  demandAdmin(actor);
  const [gid, uid] = [await gidOf(deps.store.db, group), await uidOf(deps.store.db, userName)];
  const target = { kind: 'user', id: uid, name: userName };
  await changeRights(deps, actor, 'group.member_add', target, { group }, async (trx) => {
    await trx
      .insertInto('members')
      .values({ gid, uid })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}

export async function removeMember(
  deps: AccountDeps,
  actor: Actor,
  group: string,
  userName: string,
): Promise<void> {
  demandAdmin(actor);
  const [gid, uid] = [await gidOf(deps.store.db, group), await uidOf(deps.store.db, userName)];
  const target = { kind: 'user', id: uid, name: userName };
  await changeRights(deps, actor, 'group.member_remove', target, { group }, async (trx) => {
    await keepingAnAdmin(trx, () =>
      trx.deleteFrom('members').where('gid', '=', gid).where('uid', '=', uid).execute(),
    );
  });
}
