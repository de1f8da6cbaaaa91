import { RequestError, describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { Secret } from '../core/secret.ts';
import { ensureCluster } from './create.ts';
import { embeddedFailed, isDiskFull } from './failure.ts';
import { isThere, openHome, type Home } from './home.ts';
import { keepServer, type Keeper } from './keeper.ts';
import { findLauncher } from './launch.ts';
import { acquireLock } from './lock.ts';
import { findPostmaster, stopPostmaster, type Postmaster } from './postmaster.ts';
import { startOf } from './process.ts';
import { DEMO_DATABASE, STORE_DATABASE, probe } from './provision.ts';
import { adoptOrStart } from './serve.ts';
import { socketDirectory } from './socket-directory.ts';
import {
  LOGIN_ROLES,
  loadSecrets,
  loadState,
  saveState,
  writeWhole,
  type EmbeddedSecrets,
  type LoginRole,
} from './state.ts';
import { socketUrl } from './urls.ts';
import { register, unregister, type Registration } from './users.ts';

export interface EmbeddedOptions {
  /** Everything is kept in its folder `embedded`; made when missing. */
  readonly dataDir: string;
  readonly log: Log;
}

export interface Embedded {
  /** Owner of the store's database, by Unix socket where there is one. */
  readonly storeUrl: Secret;
  /** The demo engine: owner of the database `demo`, no superuser, shut out of the store. */
  readonly engineUrl: Secret;
  readonly engineDatabase: string;
  /** Roles of the demo engine with their passwords, for `engine.identity = role`: demo, analyst, clerk. */
  readonly passwordsFile: string;
  /** Leaves it; the last process to do so stops the server. May be called twice. */
  close(): Promise<void>;
}

/** The first start on a slow machine: initdb, sample data. */
const LOCK_TIMEOUT_MS = 180_000;

/**
 * The PostgreSQL that comes with the package, with a database for the store and one with sample data. Several processes may
 * use the same data directory; it is started by the first and stopped by the last. A server whose users were all killed goes
 * on running and is taken over by the next.
 * @throws RequestError embedded.failed
 */
export async function ensureEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  try {
    return await join(options);
  } catch (cause) {
    if (cause instanceof RequestError) throw cause;
    const why = isDiskFull(cause) ? 'can not be started' : describeError(cause);
    throw embeddedFailed(`the embedded PostgreSQL in ${options.dataDir}: ${why}`, '', { cause });
  }
}

async function join({ dataDir, log }: EmbeddedOptions): Promise<Embedded> {
  const home = await openHome(dataDir);
  const lock = await acquireLock(home.locks, LOCK_TIMEOUT_MS);
  try {
    const registration = await register(home.users);
    try {
      return await open(home, registration, log);
    } catch (error) {
      await leave(home, registration);
      throw error;
    }
  } finally {
    await lock.release();
  }
}

/** Under the lock. */
async function open(home: Home, registration: Registration, log: Log): Promise<Embedded> {
  const secrets = await loadSecrets(home.directory, await isThere(home.data));
  const server = await bringUp(home, secrets, log);
  const restart = async () => {
    const lock = await acquireLock(home.locks, LOCK_TIMEOUT_MS);
    try {
      await bringUp(home, secrets, log);
    } finally {
      await lock.release();
    }
  };
  const keeper = keepServer(watched(home, server), restart, log);
  let closing: Promise<void> | null = null;
  return {
    storeUrl: new Secret(urlFor(server, secrets, 'patgate_store', STORE_DATABASE)),
    engineUrl: new Secret(urlFor(server, secrets, 'demo', DEMO_DATABASE)),
    engineDatabase: DEMO_DATABASE,
    passwordsFile: home.userlist,
    close: () => (closing ??= close(home, registration, keeper)),
  };
}

/** Whether a server runs, cheaply as long as it is the one that was found last. */
function watched(home: Home, first: Postmaster): () => Promise<boolean> {
  let { pid } = first;
  let start = startOf(pid);
  return async () => {
    if (start !== null && startOf(pid) === start) return true;
    const found = await findPostmaster(home.data);
    if (found === null) return false;
    pid = found.pid;
    start = startOf(pid);
    return true;
  };
}

/** Under the lock: a running server with everything in it. */
async function bringUp(home: Home, secrets: EmbeddedSecrets, log: Log): Promise<Postmaster> {
  const before = await loadState(home.directory);
  const launcher = await findLauncher(home.directory, before.launchMode ?? undefined);
  const sockets = await socketDirectory(launcher, home.directory, before.socketDirectory);
  await ensureCluster(home, launcher, sockets, secrets);
  const { server, adopted } = await adoptOrStart(home, launcher, before, sockets);
  log.debug(
    { pid: server.pid, port: server.port, adopted, launch: launcher.mode },
    'embedded PostgreSQL runs',
  );
  if (adopted) await probe(urlFor(server, secrets, 'patgate_store', STORE_DATABASE));
  await writeWhole(home.userlist, userlist(secrets));
  await saveState(home.directory, {
    port: server.port,
    launchMode: launcher.mode,
    socketDirectory: server.socketDirectory,
  });
  return server;
}

async function close(home: Home, registration: Registration, keeper: Keeper): Promise<void> {
  await keeper.stop();
  // On a full disk nobody can take the lock, so nobody can join meanwhile either.
  const lock = await acquireLock(home.locks, LOCK_TIMEOUT_MS).catch((error: unknown) => {
    if (isDiskFull(error)) return null;
    throw error;
  });
  try {
    await leave(home, registration);
  } finally {
    await lock?.release();
  }
}

/** Under the lock. */
async function leave(home: Home, registration: Registration): Promise<void> {
  if (await unregister(home.users, registration)) await stopPostmaster(home.data, 'fast');
}

function urlFor(server: Postmaster, secrets: EmbeddedSecrets, user: LoginRole, database: string): string {
  return socketUrl(server, { user, password: secrets[user], database });
}

/** PgBouncer's userlist.txt: passwords here hold no quotes. */
function userlist(secrets: EmbeddedSecrets): string {
  const roles = LOGIN_ROLES.filter((role) => role !== 'postgres' && role !== 'patgate_store');
  return roles.map((role) => `"${role}" "${secrets[role].reveal()}"\n`).join('');
}
