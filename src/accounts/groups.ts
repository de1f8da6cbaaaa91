import { randomUUID } from 'node:crypto';
import { sql, type Kysely } from 'kysely';
import { RequestError } from '../core/errors.ts';
import type { AuditAction } from '../store/audit.ts';
import { violates } from '../store/errors.ts';
import { changePolicy, lockPolicy } from '../store/policy.ts';
import type { Database } from '../store/schema.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { AccountDeps } from './account-deps.ts';
import { checkName } from './account-rules.ts';
import type { Actor, Privilege } from './actor.ts';
import { auditEntry, demandPrivilege, demandScope, type AuditTarget } from './permission.ts';
import { noSuchUser } from './users.ts';
import type { Grantee, GrantView, GroupView } from './views.ts';

export async function addGroup(deps: AccountDeps, actor: Actor, name: string): Promise<GroupView> {
  const group = { gid: randomUUID(), name: checkName(name, 'group', []), created_at: deps.clock.now() };
  await change(deps, actor, 'group.add', { kind: 'group', id: group.gid, name }, null, async (trx) => {
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
  const gid = await gidOf(deps.store.db, name);
  await change(deps, actor, 'group.remove', { kind: 'group', id: gid, name }, null, async (trx) => {
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
  const [gid, uid] = [await gidOf(deps.store.db, group), await uidOf(deps.store.db, userName)];
  const target = { kind: 'user', id: uid, name: userName };
  await change(deps, actor, 'group.member_add', target, { group }, async (trx) => {
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
  const [gid, uid] = [await gidOf(deps.store.db, group), await uidOf(deps.store.db, userName)];
  const target = { kind: 'user', id: uid, name: userName };
  await change(deps, actor, 'group.member_remove', target, { group }, async (trx) => {
    await keepingAnAdmin(trx, () =>
      trx.deleteFrom('members').where('gid', '=', gid).where('uid', '=', uid).execute(),
    );
  });
}

export async function listGrants(
  deps: AccountDeps,
  actor: Actor,
  privilege?: Privilege,
): Promise<readonly GrantView[]> {
  demandPrivilege(actor, 'manage_all');
  const { rows } = await sql<GrantRow>`
    select g.privilege, g.grantee_kind, g.grantee, coalesce(u.name, r.name) as name, u.kind
    from patgate.grants g left join patgate.users u on u.uid = g.grantee left join patgate.groups r on r.gid = g.grantee
    where ${privilege ?? null}::text is null or g.privilege = ${privilege ?? null}
    order by g.privilege, g.grantee_kind, name`.execute(deps.store.db);
  const granted = rows.map((row): GrantView => ({
    privilege: row.privilege,
    grantee: { kind: row.grantee_kind, name: row.name },
    granteeId: row.grantee,
    granteeKind: row.kind,
  }));
  if (privilege !== undefined && privilege !== 'can_use') return granted;
  const policy = await deps.store.db.selectFrom('policy').select('create_and_use').executeTakeFirstOrThrow();
  if (policy.create_and_use !== 'everyone') return granted;
  return [
    { privilege: 'can_use', grantee: { kind: 'everyone' }, granteeId: null, granteeKind: null },
    ...granted,
  ];
}

interface GrantRow {
  readonly privilege: Privilege;
  readonly grantee_kind: 'user' | 'group';
  readonly grantee: string;
  readonly name: string;
  readonly kind: 'person' | 'service' | null;
}

export async function grant(
  deps: AccountDeps,
  actor: Actor,
  privilege: Privilege,
  grantee: Grantee,
): Promise<void> {
  await changeGrants(deps, actor, 'privilege.grant', privilege, [grantee], async (trx) => {
    await addGrant(trx, deps, actor, privilege, grantee);
  });
}

export async function ungrant(
  deps: AccountDeps,
  actor: Actor,
  privilege: Privilege,
  grantee: Grantee,
): Promise<void> {
  await changeGrants(deps, actor, 'privilege.ungrant', privilege, [grantee], async (trx) => {
    if (grantee.kind === 'everyone') {
      demandForEveryone(privilege);
      await setEveryone(trx, deps, actor, 'granted');
      return;
    }
    const id = await granteeId(trx, grantee);
    await keepingAnAdmin(trx, () =>
      trx.deleteFrom('grants').where('privilege', '=', privilege).where('grantee', '=', id).execute(),
    );
  });
}

/** `everyone` among the grantees opens the privilege to all; without it, it is theirs alone. */
export async function replaceGrants(
  deps: AccountDeps,
  actor: Actor,
  privilege: Privilege,
  grantees: readonly Grantee[],
): Promise<void> {
  await changeGrants(deps, actor, 'privilege.grant', privilege, grantees, async (trx) => {
    await keepingAnAdmin(trx, async () => {
      await trx.deleteFrom('grants').where('privilege', '=', privilege).execute();
      const everyone = grantees.some(({ kind }) => kind === 'everyone');
      if (privilege === 'can_use' && !everyone) await setEveryone(trx, deps, actor, 'granted');
      for (const grantee of grantees) await addGrant(trx, deps, actor, privilege, grantee);
    });
  });
}

async function addGrant(
  trx: StoreTransaction,
  deps: AccountDeps,
  actor: Actor,
  privilege: Privilege,
  grantee: Grantee,
): Promise<void> {
  if (grantee.kind === 'everyone') {
    demandForEveryone(privilege);
    await setEveryone(trx, deps, actor, 'everyone');
    return;
  }
  await trx
    .insertInto('grants')
    .values({
      privilege,
      grantee: await granteeId(trx, grantee),
      grantee_kind: grantee.kind,
      created_at: deps.clock.now(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

function demandForEveryone(privilege: Privilege): void {
  if (privilege === 'can_use') return;
  throw new RequestError('request.invalid', 'Everyone can only hold the privilege "can use".');
}

async function setEveryone(
  trx: StoreTransaction,
  { clock }: AccountDeps,
  actor: Actor,
  createAndUse: 'everyone' | 'granted',
): Promise<void> {
  await changePolicy(trx, { createAndUse }, { uid: actor.uid, name: actor.name, at: clock.now() });
}

/**
 * Makes a change of grants. Where somebody could change them before, somebody must be left who can; a store without an
 * administrator is run from the command line alone.
 * @throws RequestError request.conflict
 */
async function keepingAnAdmin(trx: StoreTransaction, work: () => Promise<unknown>): Promise<void> {
  const hadOne = await hasAdmin(trx);
  await work();
  if (!hadOne || (await hasAdmin(trx))) return;
  throw new RequestError('request.conflict', 'That would leave nobody with the privilege "admin".');
}

async function hasAdmin(trx: StoreTransaction): Promise<boolean> {
  const { rows } = await sql<{ admins: boolean }>`
    select exists (
      select 1 from patgate.grants g where g.privilege = 'admin' and exists (
        select 1 from patgate.users u where u.disabled_at is null and u.removed_at is null
          and (u.uid = g.grantee or u.uid in (select m.uid from patgate.members m where m.gid = g.grantee)))
    ) as admins`.execute(trx);
  return rows[0]?.admins === true;
}

function changeGrants(
  deps: AccountDeps,
  actor: Actor,
  action: AuditAction,
  privilege: Privilege,
  grantees: readonly Grantee[],
  work: (trx: StoreTransaction) => Promise<void>,
): Promise<void> {
  const names = grantees.map((one) => (one.kind === 'everyone' ? 'everyone' : `${one.kind} ${one.name}`));
  const target = { kind: 'privilege', id: privilege, name: names.join(', ') };
  return change(deps, actor, action, target, { grantees: names }, work);
}

/** Groups and privileges touch many users at once: all changes to them take the policy's lock, and all sessions are looked at. */
async function change(
  { store, audit, bus }: AccountDeps,
  actor: Actor,
  action: AuditAction,
  target: AuditTarget,
  detail: Readonly<Record<string, unknown>> | null,
  work: (trx: StoreTransaction) => Promise<void>,
): Promise<void> {
  demandPrivilege(actor, 'admin');
  demandScope(actor, 'accounts');
  await store.transaction(async (trx) => {
    await lockPolicy(trx, 'update');
    await work(trx);
    await audit.append(auditEntry(actor, action, target, { detail }), trx);
    await bus.publish({ kind: 'policy' }, trx);
  });
}

async function granteeId(
  db: Kysely<Database>,
  grantee: { kind: 'user' | 'group'; name: string },
): Promise<string> {
  return grantee.kind === 'user' ? uidOf(db, grantee.name) : gidOf(db, grantee.name);
}

async function gidOf(db: Kysely<Database>, name: string): Promise<string> {
  const row = await db.selectFrom('groups').select('gid').where('name', '=', clean(name)).executeTakeFirst();
  if (row === undefined)
    throw new RequestError('request.not_found', `There is no group "${name.slice(0, 128)}".`);
  return row.gid;
}

async function uidOf(db: Kysely<Database>, name: string): Promise<string> {
  const row = await db
    .selectFrom('users')
    .select('uid')
    .where('name', '=', clean(name))
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) throw noSuchUser();
  return row.uid;
}

/** PostgreSQL's text holds no NUL. */
const clean = (name: string): string => name.replaceAll('\0', '\uFFFD');
