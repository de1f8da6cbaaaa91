import { sql, type Kysely, type RawBuilder } from 'kysely';
import { isUuid } from '../core/uuid.ts';
import type { Database } from '../store/schema.ts';
import { effectivePrivileges, type Privilege } from './actor.ts';
import type { UserReference } from './service.ts';
import type { AccountState, UserView } from './views.ts';

interface UserRow {
  readonly uid: string;
  readonly numeric_id: number;
  readonly name: string;
  readonly email: string | null;
  readonly display_name: string | null;
  readonly kind: 'person' | 'service';
  readonly application_id: string | null;
  readonly engine_role: string | null;
  readonly default_database: string | null;
  readonly databases: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly has_password: boolean;
  readonly created_at: Date;
  readonly disabled_at: Date | null;
  readonly removed_at: Date | null;
  readonly groups: readonly string[];
  readonly grants: readonly Privilege[];
  readonly everyone_may: boolean;
}

const COLUMNS = sql`
  u.uid, u.numeric_id, u.name, u.email, u.display_name, u.kind, u.application_id, u.engine_role, u.default_database,
  u.databases, u.networks, u.password is not null as has_password, u.created_at, u.disabled_at, u.removed_at,
  array(
    select g.name from patgate.members m join patgate.groups g on g.gid = m.gid where m.uid = u.uid order by g.name
  ) as groups,
  array(
    select g.privilege from patgate.grants g
    where g.grantee in (select u.uid union all select m.gid from patgate.members m where m.uid = u.uid)
  ) as grants,
  p.create_and_use = 'everyone' as everyone_may`;

/** @param rest conditions on `u`, order and limit */
export async function selectUsers(db: Kysely<Database>, rest: RawBuilder<unknown>): Promise<UserView[]> {
  const { rows } = await sql<UserRow>`
    select ${COLUMNS} from patgate.users u cross join patgate.policy p ${rest}`.execute(db);
  return rows.map(viewOf);
}

/** @returns null when there is none; removed users are found by uid and numericId only */
export async function findUserRow(db: Kysely<Database>, reference: UserReference): Promise<UserView | null> {
  const [user] = await selectUsers(db, sql`where ${condition(reference)} limit 1`);
  return user ?? null;
}

const NOTHING = sql`false`;

function condition(reference: UserReference): RawBuilder<unknown> {
  if ('uid' in reference) return isUuid(reference.uid) ? sql`u.uid = ${reference.uid}` : NOTHING;
  if ('numericId' in reference) {
    return Number.isSafeInteger(reference.numericId) ? sql`u.numeric_id = ${reference.numericId}` : NOTHING;
  }
  if ('applicationId' in reference) {
    return isUuid(reference.applicationId)
      ? sql`u.application_id = ${reference.applicationId} and u.removed_at is null`
      : NOTHING;
  }
  if ('name' in reference) return named(sql`u.name = ${reference.name}`, reference.name);
  const { nameOrEmail } = reference;
  const either = sql`u.uid = (
    select uid from patgate.users
    where removed_at is null and (name = ${nameOrEmail} or lower(email) = lower(${nameOrEmail}))
    order by name = ${nameOrEmail} desc limit 1)`;
  return named(either, nameOrEmail);
}

/** PostgreSQL's text holds no NUL: no name has one. */
function named(found: RawBuilder<unknown>, name: string): RawBuilder<unknown> {
  return name.includes('\0') ? NOTHING : sql`${found} and u.removed_at is null`;
}

function viewOf(row: UserRow): UserView {
  const privileges = effectivePrivileges(row.grants, row.everyone_may);
  return {
    uid: row.uid,
    numericId: row.numeric_id,
    name: row.name,
    email: row.email,
    displayName: row.display_name,
    kind: row.kind,
    applicationId: row.application_id,
    state: stateOf(row),
    engineRole: row.engine_role,
    defaultDatabase: row.default_database,
    databases: row.databases,
    networks: row.networks,
    hasPassword: row.has_password,
    groups: row.groups,
    privileges: [...privileges],
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    removedAt: row.removed_at,
  };
}

function stateOf({ removed_at, disabled_at }: UserRow): AccountState {
  if (removed_at !== null) return 'removed';
  return disabled_at === null ? 'active' : 'disabled';
}
