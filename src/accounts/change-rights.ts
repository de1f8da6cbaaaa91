import { sql, type Kysely } from 'kysely';
import { RequestError } from '../core/errors.ts';
import type { AuditAction } from '../store/audit.ts';
import { lockPolicy } from '../store/policy.ts';
import type { Database } from '../store/schema.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { AccountDeps } from './account-deps.ts';
import type { Actor } from './actor.ts';
import { noSuchUser } from './change-user.ts';
import { auditEntry, demandAdmin, type AuditTarget } from './permission.ts';

/** Groups and privileges touch many users at once: all changes to them take the policy's lock, and all sessions are looked at. */
export async function changeRights(
  { store, audit, bus }: AccountDeps,
  actor: Actor,
  action: AuditAction,
  target: AuditTarget,
  detail: Readonly<Record<string, unknown>> | null,
  work: (trx: StoreTransaction) => Promise<void>,
): Promise<void> {
  demandAdmin(actor);
  await store.transaction(async (trx) => {
    await lockPolicy(trx, 'update');
    await work(trx);
    await audit.append(auditEntry(actor, action, target, { detail }), trx);
    await bus.publish({ kind: 'policy' }, trx);
  });
}

/**
 * Makes a change of grants. Where somebody could change them before, somebody must be left who can; a store without an
 * administrator is run from the command line alone.
 * @throws RequestError request.conflict
 */
export async function keepingAnAdmin(trx: StoreTransaction, work: () => Promise<unknown>): Promise<void> {
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

export async function gidOf(db: Kysely<Database>, name: string): Promise<string> {
  const row = await db.selectFrom('groups').select('gid').where('name', '=', clean(name)).executeTakeFirst();
  if (row === undefined)
    throw new RequestError('request.not_found', `There is no group "${name.slice(0, 128)}".`);
  return row.gid;
}

export async function uidOf(db: Kysely<Database>, name: string): Promise<string> {
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
