import { randomBytes, randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { RequestError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { formatVerifier, makeVerifier } from '../scram/verifier.ts';
import type { AuditAction } from '../store/audit.ts';
import { isUuid } from '../core/uuid.ts';
import { violates } from '../store/errors.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { AccountDeps } from './account-deps.ts';
import { checkDatabases, checkEmail, checkName, checkPassword, checkText } from './account-rules.ts';
import type { Actor } from './actor.ts';
import { auditEntry, demandPrivilege, demandScope } from './permission.ts';
import type { NewUser, UserPatch, UserQuery, UserReference } from './service.ts';
import { findUserRow, selectUsers } from './user-rows.ts';
import type { Page, UserView } from './views.ts';

const SCRAM_ITERATIONS = 4096;
const SALT_BYTES = 16;
const DEFAULT_LIMIT = 100;
const MOST_ROWS = 1000;

export async function addUser(deps: AccountDeps, actor: Actor, user: NewUser): Promise<UserView> {
  demandPrivilege(actor, 'admin');
  demandScope(actor, 'accounts');
  const name = checkName(user.name, 'user', deps.reservedNames);
  const kind = user.kind ?? 'person';
  if (kind === 'person' && user.applicationId !== undefined) {
    throw new RequestError('request.invalid', 'Only a service principal has an application id.');
  }
  const uid = randomUUID();
  const scram = { salt: randomBytes(SALT_BYTES), iterations: SCRAM_ITERATIONS };
  const password = user.password === undefined ? null : await storedForm(deps, user.password, scram);
  const row = {
    uid,
    name,
    kind,
    email: checkEmail(user.email ?? null),
    display_name: checkText(user.displayName ?? null, 'A display name', 'displayName'),
    application_id: kind === 'service' ? checkUuid(user.applicationId ?? randomUUID()) : null,
    scram_salt: scram.salt,
    scram_iterations: scram.iterations,
    password,
    engine_role: checkText(user.engineRole ?? null, 'An engine role', 'engineRole'),
    default_database: checkText(user.defaultDatabase ?? null, 'A database name', 'defaultDatabase'),
    databases: checkDatabases(user.databases ?? null),
    created_at: deps.clock.now(),
  };
  await deps.store
    .transaction(async (trx) => {
      await trx.insertInto('users').values(row).execute();
      await deps.audit.append(
        auditEntry(actor, 'user.add', { kind: 'user', id: uid, name }, { detail: { kind } }),
        trx,
      );
    })
    .catch((error: unknown) => {
      throw taken(error, name) ?? error;
    });
  return readUser(deps, uid);
}

export async function getUser(deps: AccountDeps, actor: Actor, reference: UserReference): Promise<UserView> {
  const user = await findUserRow(deps.store.db, reference);
  // Whoever may not see others learns nothing of whether they exist.
  if (user === null || (user.uid !== actor.uid && !actor.privileges.has('manage_all'))) throw noSuchUser();
  return user;
}

export async function listUsers(
  deps: AccountDeps,
  actor: Actor,
  query: UserQuery = {},
): Promise<Page<UserView>> {
  demandPrivilege(actor, 'manage_all');
  const limit = Math.min(Math.max(query.limit ?? DEFAULT_LIMIT, 1), MOST_ROWS);
  const states = query.states ?? ['active', 'disabled'];
  const search = (query.search ?? '').replaceAll('\0', '');
  const pattern = `%${search.replace(/[\\%_]/g, (character) => `\\${character}`)}%`;
  const users = await selectUsers(
    deps.store.db,
    sql`where (${search} = '' or u.name ilike ${pattern} or u.email ilike ${pattern} or u.display_name ilike ${pattern})
      and (${query.kind ?? null}::text is null or u.kind = ${query.kind ?? null})
      and case when u.removed_at is not null then 'removed' when u.disabled_at is not null then 'disabled' else 'active' end
        = any(${[...states]}::text[])
      and (u.name, u.uid) > (${cursorName(query.cursor)}, ${cursorUid(query.cursor)}::uuid)
      order by u.name, u.uid limit ${limit + 1}`,
  );
  const items = users.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: users.length > limit && last !== undefined ? cursorOf(last) : null };
}

export async function setUser(
  deps: AccountDeps,
  actor: Actor,
  uid: string,
  patch: UserPatch,
): Promise<UserView> {
  demandPrivilege(actor, 'admin');
  demandScope(actor, 'accounts');
  const changes = {
    ...(patch.email !== undefined && { email: checkEmail(patch.email) }),
    ...(patch.displayName !== undefined && {
      display_name: checkText(patch.displayName, 'A display name', 'displayName'),
    }),
    ...(patch.engineRole !== undefined && {
      engine_role: checkText(patch.engineRole, 'An engine role', 'engineRole'),
    }),
    ...(patch.defaultDatabase !== undefined && {
      default_database: checkText(patch.defaultDatabase, 'A database name', 'defaultDatabase'),
    }),
    ...(patch.databases !== undefined && { databases: checkDatabases(patch.databases) }),
  };
  if (Object.keys(changes).length === 0) return getUser(deps, actor, { uid });
  return change(deps, actor, uid, { action: 'user.set', detail: { ...patch } }, async (trx) => {
    await trx.updateTable('users').set(changes).where('uid', '=', uid).execute();
  });
}

export async function setPassword(
  deps: AccountDeps,
  actor: Actor,
  uid: string,
  password: Secret,
): Promise<void> {
  if (actor.uid !== uid) demandPrivilege(actor, 'admin');
  demandScope(actor, 'accounts');
  if (!isUuid(uid)) throw noSuchUser();
  const salt = await deps.store.db
    .selectFrom('users')
    .select(['scram_salt', 'scram_iterations'])
    .where('uid', '=', uid)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  if (salt === undefined) throw noSuchUser();
  const stored = await storedForm(deps, password, {
    salt: salt.scram_salt,
    iterations: salt.scram_iterations,
  });
  await change(deps, actor, uid, { action: 'user.password', detail: null }, async (trx) => {
    await trx.updateTable('users').set({ password: stored }).where('uid', '=', uid).execute();
    // Whoever changes a password may do so because somebody else knows the old one.
    await trx.deleteFrom('http_sessions').where('uid', '=', uid).where('tid', 'is', null).execute();
  });
}

export function disableUser(deps: AccountDeps, actor: Actor, uid: string): Promise<UserView> {
  demandPrivilege(actor, 'admin');
  demandScope(actor, 'accounts');
  return change(deps, actor, uid, { action: 'user.disable', detail: null }, async (trx, user) => {
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

export function enableUser(deps: AccountDeps, actor: Actor, uid: string): Promise<UserView> {
  demandPrivilege(actor, 'admin');
  demandScope(actor, 'accounts');
  return change(deps, actor, uid, { action: 'user.enable', detail: null }, async (trx) => {
    await trx.updateTable('users').set({ disabled_at: null }).where('uid', '=', uid).execute();
  });
}

export function removeUser(deps: AccountDeps, actor: Actor, uid: string): Promise<UserView> {
  demandPrivilege(actor, 'admin');
  demandScope(actor, 'accounts');
  return change(deps, actor, uid, { action: 'user.remove', detail: null }, async (trx, user) => {
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
export async function demandAnotherAdmin(
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

/** Changes a user under a lock, with its audit row and the word to all processes in the same transaction. */
async function change(
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

async function readUser(deps: AccountDeps, uid: string): Promise<UserView> {
  const user = await findUserRow(deps.store.db, { uid });
  if (user === null) throw noSuchUser();
  return user;
}

async function storedForm(
  { hasher, passwords }: AccountDeps,
  password: Secret,
  scram: { readonly salt: Buffer; readonly iterations: number },
): Promise<string> {
  checkPassword(password);
  if (passwords === 'argon2id') return hasher.argon2Hash(password.reveal());
  const hi = (prepared: Buffer, salt: Buffer, iterations: number) =>
    hasher.pbkdf2(prepared, salt, iterations);
  return formatVerifier(await makeVerifier(password.reveal(), scram, hi));
}

function checkUuid(text: string): string {
  if (isUuid(text)) return text;
  throw new RequestError('request.invalid', 'An application id is a UUID.');
}

function taken(error: unknown, name: string): RequestError | null {
  const conflict = (field: string, message: string) =>
    new RequestError('request.conflict', message, { cause: error, field });
  if (violates(error, 'users_name')) return conflict('name', `There is a user "${name}" already.`);
  if (violates(error, 'users_email')) return conflict('email', 'Another user has that e-mail address.');
  if (violates(error, 'users_application_id_key'))
    return conflict('applicationId', 'Another service principal has that application id.');
  return null;
}

export function noSuchUser(): RequestError {
  return new RequestError('request.not_found', 'There is no such user.');
}

/** A page ends with a name and a uid; the cursor is both. */
function cursorOf({ uid, name }: UserView): string {
  return Buffer.from(`${uid}${name}`).toString('base64url');
}

const UUID_LENGTH = 36;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

function cursorName(cursor: string | null | undefined): string {
  return Buffer.from(cursor ?? '', 'base64url')
    .toString()
    .slice(UUID_LENGTH);
}

function cursorUid(cursor: string | null | undefined): string {
  if (cursor === null || cursor === undefined) return BEFORE_ALL;
  const uid = Buffer.from(cursor, 'base64url').toString().slice(0, UUID_LENGTH);
  if (!/^[0-9a-f-]{36}$/.test(uid))
    throw new RequestError('request.invalid', 'That is no cursor of this list.');
  return uid;
}
