import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type pg from 'pg';
import { systemActor } from '../../src/accounts/actor.ts';
import { loadConfig } from '../../src/config/load.ts';
import { variableOf } from '../../src/config/names.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLog } from '../../src/core/log.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ReadyInfo } from '../../src/main/ready-file.ts';
import { serve } from '../../src/main/serve.ts';
import { openServices, type Services } from '../../src/main/services.ts';
import { openStore } from '../../src/store/store.ts';
import type { IssueRequest } from '../../src/tokens/service.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { silentLog } from './store.ts';
import { makeDirectory } from './temporary.ts';

/** By the names of docs/configuration.md: `{ 'login.method': 'cleartext' }`. */
export type GatewaySettings = Readonly<Record<string, string>>;

export interface TestUser {
  readonly uid: string;
  readonly name: string;
  readonly password: string;
}

export interface TestToken {
  readonly tid: string;
  readonly token: string;
}

/** What a gateway of a test stands on: a store and an engine database of its own, and a directory. */
export interface GatewayGround {
  /** With an empty URL where it is the embedded one, whose place the gateway knows. */
  readonly store: TestDatabase;
  /** The gateway's engine; its name is the database to ask for. */
  readonly engine: TestDatabase;
  readonly dataDir: string;
  /** PATGATE_… variables. */
  readonly environment: Readonly<Record<string, string>>;
  drop(): Promise<void>;
}

export interface TestGateway extends GatewayGround {
  readonly info: ReadyInfo;
  readonly host: string;
  readonly port: number;
  readonly caFile: string;
  /** Everything that stands on the store, beside the gateway's own: as another replica's would be. */
  readonly services: Services;
  /** Lines of the log so far, parsed. */
  logged(): readonly Record<string, unknown>[];
  addUser(name: string, more?: { password?: string; engineRole?: string; email?: string }): Promise<TestUser>;
  issueToken(user: TestUser, more?: Partial<IssueRequest>): Promise<TestToken>;
  /** For node `pg`, with TLS verified as in verify-full. */
  clientConfig(user: string, secret: string, database?: string): pg.ClientConfig;
  /** For psql and libpq, verify-full. */
  connectionString(user: string, secret: string, database?: string): string;
  /** SIGHUP, or what it does. */
  reload(): Promise<unknown>;
  /** Stops it and deletes everything. */
  stop(): Promise<void>;
}

const ACTOR = systemActor('test');

/**
 * A gateway in this process, on free ports, with nothing shared with other tests but the PostgreSQL server.
 * @param settings beside those that the test's surroundings need
 * @param own ground that was prepared before, with settings of its own; it goes with the gateway
 */
export async function startGateway(
  settings: GatewaySettings = {},
  own?: GatewayGround,
): Promise<TestGateway> {
  const ground = own ?? (await prepareGround(settings));
  const log = new MemoryLog();
  try {
    const loaded = loadConfig({ environment: ground.environment });
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
    const level = loaded.config.log.level;
    const serving = await serve(loaded.config, { readyFile: null, log: createLog(level, log) });
    return describeGateway(ground, serving.info, {
      logged: () => log.lines(),
      reload: () => serving.reload(),
      stop: () => serving.stop(),
    });
  } catch (error) {
    await ground.drop();
    throw error;
  }
}

/**
 * Databases, directory and variables for a gateway, which the caller starts.
 * @param ways by which the gateway reaches them, when not directly
 */
export async function prepareGround(
  settings: GatewaySettings = {},
  ways: { readonly store?: (url: string) => string; readonly engine?: (url: string) => string } = {},
): Promise<GatewayGround> {
  const [store, engine, dataDir] = await Promise.all([
    createDatabase('store'),
    createDatabase('engine'),
    makeDirectory(),
  ]);
  const all: GatewaySettings = {
    data_dir: dataDir,
    'listen.postgres': '127.0.0.1:0',
    'listen.http': '127.0.0.1:0',
    'listen.metrics': '127.0.0.1:0',
    'store.url': ways.store?.(store.url) ?? store.url,
    'engine.url': ways.engine?.(engine.url) ?? engine.socketUrl,
    'log.level': 'trace',
    ...settings,
  };
  const variables = Object.entries(all).map(([name, value]) => [variableOf(name), value]);
  return {
    store,
    engine,
    dataDir,
    environment: Object.fromEntries(variables) as Record<string, string>,
    async drop() {
      await Promise.all([store.drop(), engine.drop(), rm(dataDir, { recursive: true, force: true })]);
    },
  };
}

/** The embedded PostgreSQL as the store, and an engine elsewhere. @param dataDir where the one is to be */
export async function embeddedGround(dataDir: string): Promise<GatewayGround> {
  const ground = await prepareGround({ data_dir: dataDir });
  const { [variableOf('store.url')]: _elsewhere, ...environment } = ground.environment;
  await mkdir(dataDir, { recursive: true });
  return { ...ground, dataDir, environment, store: { ...ground.store, url: '' } };
}

export interface GatewayControls {
  logged(): readonly Record<string, unknown>[];
  reload(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** The same view of a gateway, whether it runs in this process or in another. */
export function describeGateway(
  ground: GatewayGround,
  info: ReadyInfo,
  controls: GatewayControls,
): TestGateway {
  const store = openStore({
    url: ground.store.url === '' ? info.storeUrl : ground.store.url,
    log: silentLog,
    poolSize: 2,
  });
  const services = openServices({
    store,
    method: ground.environment[variableOf('login.method')] === 'cleartext' ? 'cleartext' : 'scram-sha-256',
    tokenUsers: ['$token', 'token'],
    clock: systemClock,
    log: silentLog,
  });
  const { host, port } = info.postgres;
  const caFile = info.caFile ?? '';
  return {
    ...ground,
    ...controls,
    info,
    host,
    port,
    caFile,
    services,
    addUser: (name, more) => addUser(services, ground.engine.name, name, more),
    issueToken: (user, more) => issueToken(services, user, more),
    clientConfig: (user, password, database = ground.engine.name) => ({
      host,
      port,
      user,
      password,
      database,
      ssl: { ca: readFileSync(caFile), servername: 'localhost' },
    }),
    connectionString(user, secret, database = ground.engine.name) {
      const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(secret)}`;
      const tls = `sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
      return `postgresql://${credentials}@localhost:${port}/${encodeURIComponent(database)}?${tls}`;
    },
    async stop() {
      try {
        await controls.stop();
      } finally {
        await services.close();
        await store.close();
        await ground.drop();
      }
    },
  };
}

async function addUser(
  services: Services,
  defaultDatabase: string,
  name: string,
  more: { password?: string; engineRole?: string; email?: string } = {},
): Promise<TestUser> {
  // None that a command line would take for an option.
  const password = more.password ?? randomBytes(12).toString('hex');
  const user = await services.accounts.addUser(ACTOR, {
    defaultDatabase,
    ...more,
    name,
    password: new Secret(password),
  });
  return { uid: user.uid, name, password };
}

async function issueToken(
  services: Services,
  user: TestUser,
  more: Partial<IssueRequest> = {},
): Promise<TestToken> {
  const request = { owner: user.uid, label: 'test', lifetime: 'default', ...more } as const;
  const { token, info } = await services.tokens.issue(ACTOR, request);
  if (token === null) throw new Error('an idempotency key was repeated');
  return { tid: info.tid, token: token.reveal() };
}

/** A destination of the log that tests can read. */
class MemoryLog {
  readonly #lines: Record<string, unknown>[] = [];

  write(text: string): void {
    this.#lines.push(...parseLines(text));
  }

  lines(): readonly Record<string, unknown>[] {
    return this.#lines;
  }
}

/** JSON lines; others are kept under `text`. */
export function parseLines(text: string): readonly Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) =>
    line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { text: line },
  );
}
