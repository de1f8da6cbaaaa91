import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { RequestError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { formatVerifier, makeVerifier } from '../scram/verifier.ts';
import { isUuid } from '../core/uuid.ts';
import { lockPolicy } from '../store/policy.ts';
import type { AccountDeps } from './account-deps.ts';
import { changeUser, noSuchUser, readUser } from './change-user.ts';
import { checkDatabases, checkEmail, checkName, checkPassword, checkText } from './account-rules.ts';
import type { Actor } from './actor.ts';
import { checkNetworks, demandOwnAddress } from './network-rules.ts';
import { auditEntry, demandAdmin, demandScope } from './permission.ts';
import type { NewUser, UserPatch, UserReference } from './service.ts';
import { demandOwnNames, taken } from './user-names.ts';
import { findUserRow } from './user-rows.ts';
import type { UserView } from './views.ts';

const SCRAM_ITERATIONS = 4096;
const SALT_BYTES = 16;

export async function addUser(deps: AccountDeps, actor: Actor, user: NewUser): Promise<UserView> {
  demandAdmin(actor);
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
    networks: checkNetworks(user.networks ?? null),
    created_at: deps.clock.now(),
  };
  await deps.store
    .transaction(async (trx) => {
      await lockPolicy(trx, 'update');
      await demandOwnNames(trx, row);
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

export async function setUser(
  deps: AccountDeps,
  actor: Actor,
  uid: string,
  patch: UserPatch,
  { force = false }: { readonly force?: boolean } = {},
): Promise<UserView> {
  demandAdmin(actor);
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
    ...(patch.networks !== undefined && { networks: checkNetworks(patch.networks) }),
  };
  if (Object.keys(changes).length === 0) return getUser(deps, actor, { uid });
  return changeUser(deps, actor, uid, { action: 'user.set', detail: { ...patch } }, async (trx, user) => {
    const isNew = !isDeepStrictEqual(changes.networks ?? null, user.networks);
    if (uid === actor.uid && !force && isNew) demandOwnAddress(actor, changes.networks ?? null);
    if (changes.email !== undefined)
      await demandOwnNames(trx, { uid, name: user.name, email: changes.email });
    await trx.updateTable('users').set(changes).where('uid', '=', uid).execute();
  });
}

export async function setPassword(
  deps: AccountDeps,
  actor: Actor,
  uid: string,
  password: Secret,
): Promise<void> {
  if (actor.uid === uid) demandScope(actor, 'accounts');
  else demandAdmin(actor);
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
  await changeUser(deps, actor, uid, { action: 'user.password', detail: null }, async (trx) => {
    // Whoever changes a password may do so because somebody else knows the old one. SQL sessions end by its version.
    await trx
      .updateTable('users')
      .set((eb) => ({ password: stored, password_version: eb('password_version', '+', 1) }))
      .where('uid', '=', uid)
      .execute();
    await trx.deleteFrom('http_sessions').where('uid', '=', uid).where('tid', 'is', null).execute();
  });
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
