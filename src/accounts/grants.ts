import { sql, type Kysely } from 'kysely';
import { RequestError } from '../core/errors.ts';
import type { AuditAction } from '../store/audit.ts';
import { changePolicy } from '../store/policy.ts';
import type { Database } from '../store/schema.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { AccountDeps } from './account-deps.ts';
import type { Actor, Privilege } from './actor.ts';
import { changeRights, gidOf, keepingAnAdmin, uidOf } from './change-rights.ts';
import { demandPrivilege } from './permission.ts';
import type { Grantee, GrantView } from './views.ts';

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
  return changeRights(deps, actor, action, target, { grantees: names }, work);
}

async function granteeId(
  db: Kysely<Database>,
  grantee: { kind: 'user' | 'group'; name: string },
): Promise<string> {
  return grantee.kind === 'user' ? uidOf(db, grantee.name) : gidOf(db, grantee.name);
}
