import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Secret } from '../../src/core/secret.ts';
import {
  SCRAM_FOR_ALL,
  SUPERUSER,
  initCluster,
  makeServerDirectory,
  writeServerFile,
} from '../../src/embedded/cluster.ts';
import { findLauncher, type Launcher } from '../../src/embedded/launch.ts';
import { findPostmaster, startPostmaster, stopPostmaster } from '../../src/embedded/postmaster.ts';
import { isAlive } from '../../src/embedded/process.ts';
import { socketUrl, tcpUrl } from '../../src/embedded/urls.ts';

const START_TIMEOUT_MS = 60_000;
const DIRECTORY_PREFIX = 'pgt-';
const OWNER_FILE = 'owner';

export interface ClusterOptions {
  /** As in postgresql.conf; paths of `files` are relative to the data directory. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf in place of "scram-sha-256 for everyone". */
  readonly hba?: readonly string[];
  /** Lines of pg_ident.conf. */
  readonly ident?: readonly string[];
  /** Name in the data directory → text: `server.crt`, `server.key`, `ca.crt`… */
  readonly files?: Readonly<Record<string, string>>;
}

export interface TestCluster {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly socketDirectory: string | null;
  readonly directory: string;
  readonly superuser: typeof SUPERUSER;
  readonly password: string;
  /** By TCP, as the superuser unless others are named. */
  url(parts?: { user?: string; password?: string; database?: string }): string;
  /** By Unix socket. */
  socketUrl(parts?: { user?: string; password?: string; database?: string }): string;
  /** `fast` ends sessions in order, `immediate` is a crash; `kill` is SIGKILL to the postmaster alone. */
  halt(how: 'fast' | 'immediate' | 'kill'): Promise<void>;
  /** After halt: the same port, the same data. */
  start(): Promise<void>;
  /** Stops it and deletes everything. */
  drop(): Promise<void>;
}

/**
 * A throw-away PostgreSQL 18 with nothing written safely to disk. Takes about a second; most tests want
 * `createDatabase()` on the shared one instead.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const home = await makeHome();
  const launcher = await findLauncher(home);
  const directory = path.join(home, 'data');
  const password = new Secret(randomBytes(18).toString('base64url'));
  await initCluster({
    launcher,
    home,
    directory,
    password,
    hba: options.hba ?? SCRAM_FOR_ALL,
  });
  const files = {
    ...options.files,
    ...(options.ident ? { 'pg_ident.conf': `${options.ident.join('\n')}\n` } : {}),
  };
  for (const [name, text] of Object.entries(files)) {
    await writeServerFile(launcher, path.join(directory, name), text);
  }
  return runCluster({ home, launcher, directory, password, settings: options.settings ?? {} });
}

/** A directory that the next test run removes, when this one is killed before it can. */
export async function makeHome(): Promise<string> {
  const home = await mkdtemp(path.join(tmpdir(), DIRECTORY_PREFIX));
  await writeFile(path.join(home, OWNER_FILE), String(process.pid));
  return home;
}

/** What a cluster is made of: its data directory lies in its home. */
export interface ClusterParts {
  readonly home: string;
  readonly launcher: Launcher;
  readonly directory: string;
  readonly password: Secret;
  readonly settings: Readonly<Record<string, string>>;
}

/** Starts a server on a data directory that is there. */

export async function runCluster(made: ClusterParts): Promise<TestCluster> {
  const { home, launcher, directory, password, settings } = made;
  const socketDirectory = process.platform === 'win32' ? null : path.join(home, 's');
  if (socketDirectory !== null) await makeServerDirectory(launcher, socketDirectory);
  const start = (port: number) =>
    startPostmaster({
      launcher,
      directory,
      socketDirectory,
      port,
      settings: { ...THROW_AWAY, ...settings },
      logFile: path.join(home, 'log'),
      timeoutMs: START_TIMEOUT_MS,
    });
  let server = await start(0);
  const parts = (given: { user?: string; password?: string; database?: string } = {}) => ({
    user: given.user ?? SUPERUSER,
    password: given.password === undefined ? password : new Secret(given.password),
    database: given.database ?? 'postgres',
  });
  return {
    host: '127.0.0.1',
    port: server.port,
    socketDirectory,
    directory,
    superuser: SUPERUSER,
    password: password.reveal(),
    url: (given) => tcpUrl(server, parts(given)),
    socketUrl: (given) => socketUrl(server, parts(given)),
    async halt(how) {
      if (how === 'kill') process.kill(server.pid, 'SIGKILL');
      else await stopPostmaster(directory, how);
    },
    async start() {
      server = await start(server.port);
    },
    async drop() {
      await stopPostmaster(directory, 'immediate');
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** No durability, room for many sessions, and a log that says who did what. */
const THROW_AWAY: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_connections: '300',
  max_wal_size: '4GB',
  shared_buffers: '128MB',
  log_connections: 'all',
  log_disconnections: 'on',
};

/** Stops and deletes what test runs that were killed have left behind. */
export async function sweepLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(DIRECTORY_PREFIX)) continue;
    const home = path.join(tmpdir(), name);
    const owner = await ownerOf(home);
    if (owner === null || isAlive(owner)) continue;
    const running = await findPostmaster(path.join(home, 'data'));
    if (running !== null) process.kill(running.pid, 'SIGQUIT');
    await rm(home, { recursive: true, force: true });
  }
}

async function ownerOf(home: string): Promise<number | null> {
  try {
    return Number(await readFile(path.join(home, OWNER_FILE), 'utf8'));
  } catch {
    return null;
  }
}
