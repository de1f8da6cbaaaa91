import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import { describeError, fatal, GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { isRetryable, sqlState, storeError } from './errors.ts';
import { migrate, pendingMigrations } from './migrate.ts';
import { clientConfig, closeClient, mostTelling, StorePool } from './pool.ts';
import { SCHEMA, type Database } from './schema.ts';
import { StoreServers } from './servers.ts';

export type StoreTransaction = Transaction<Database>;

export interface StoreOptions {
  /** `postgres://user:password@host:port,host2:port2/database?sslmode=verify-full…`, as StoreServers reads it. */
  readonly url: string;
  readonly log: Log;
  /** Connections at most, besides one for events; 10 when left out. */
  readonly poolSize?: number;
  /** 5,000 when left out. */
  readonly connectTimeoutMs?: number;
  /** For any one statement; 15,000 when left out. Then all connections are opened anew. */
  readonly queryTimeoutMs?: number;
  /** Shown in the store's pg_stat_activity. */
  readonly applicationName?: string;
}

/** A statement that the store parses and plans once a connection. The name says which; text must not vary. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
}

export interface Store {
  readonly db: Kysely<Database>;
  /** One round trip; a read that meets a broken connection is tried on another one, once. Reads only. */
  read<Row extends pg.QueryResultRow>(statement: Prepared, values: readonly unknown[]): Promise<Row[]>;
  /** Runs `work` in a transaction, again from its beginning when the store says that two of them met. */
  transaction<T>(work: (trx: StoreTransaction) => Promise<T>): Promise<T>;
  /** Runs `action` once the transaction, one of this store's, has committed; never when it has not. */
  afterCommit(trx: StoreTransaction, action: () => void): void;
  /** Work that takes long and only reads: in one snapshot, on a connection of its own, so that logins do not wait for it. */
  aside<T>(work: (trx: StoreTransaction) => Promise<T>): Promise<T>;
  /** A connection of its own, for LISTEN. The caller ends it. */
  connect(): Promise<pg.Client>;
  /** Whether the store has NOTIFY; asked once. */
  hasNotify(): Promise<boolean>;
  /** Brings the schema up to date; safe when several processes do so at once. @returns names of the steps taken */
  migrate(): Promise<readonly string[]>;
  /** @returns names of the steps that the schema lacks; empty when it is what this version needs */
  pendingMigrations(): Promise<readonly string[]>;
  ping(): Promise<void>;
  /** Waits for what runs, then closes all connections. */
  close(): Promise<void>;
}

const TRANSACTION_ATTEMPTS = 8;
const RETRY_MS = 10;

/**
 * Opens the store; connects at the first use, so that this never fails.
 * Everything it gives throws GatewayError store.unreachable, store.read_only, store.failed, store.not_migrated; transactions
 * store.conflict.
 */
export function openStore(options: StoreOptions): Store {
  const applicationName = options.applicationName ?? 'patgate';
  const connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
  const servers = new StoreServers(options.url);
  const base = { servers, log: options.log, applicationName, connectTimeoutMs };
  const queryTimeoutMs = options.queryTimeoutMs ?? 15_000;
  const pool = new StorePool({ ...base, size: options.poolSize ?? 10, queryTimeoutMs });
  const db = over(pool);
  const hasNotify = once(() => probeNotify(db));
  const actions = new WeakMap<StoreTransaction, (() => void)[]>();
  let closing: Promise<void> | null = null;

  return {
    db,
    read: (statement, values) => pool.read({ ...statement, values: [...values] }),
    async transaction(work) {
      await hasNotify();
      const todo: (() => void)[] = [];
      const answer = await retried(() => {
        todo.length = 0;
        return db.transaction().execute((trx) => {
          actions.set(trx, todo);
          return work(trx);
        });
      });
      for (const action of todo) action();
      return answer;
    },
    afterCommit(trx, action) {
      const todo = actions.get(trx);
      if (todo === undefined) throw new Error('not a transaction of this store');
      todo.push(action);
    },
    async aside(work) {
      const own = new StorePool({ ...base, size: 1, queryTimeoutMs });
      try {
        return await over(own).transaction().setIsolationLevel('repeatable read').execute(work);
      } finally {
        await own.end();
      }
    },
    connect: () => connectClient(base),
    hasNotify,
    async migrate() {
      const patient = new StorePool({ ...base, size: 1, queryTimeoutMs: null });
      return migrate(patient).finally(() => patient.end());
    },
    pendingMigrations: () => pendingMigrations(db),
    async ping() {
      await sql`select 1`.execute(db);
    },
    close: () => (closing ??= pool.end()),
  };
}

function over(pool: StorePool): Kysely<Database> {
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) }).withSchema(SCHEMA);
}

async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      if (count === TRANSACTION_ATTEMPTS) throw conflict(error);
      await delay(RETRY_MS * count * Math.random());
    }
  }
}

function conflict(cause: unknown): GatewayError {
  return new GatewayError(
    'store.conflict',
    `a transaction met others ${TRANSACTION_ATTEMPTS} times: ${describeError(cause)}`,
    fatal('40001', 'the change met others again and again; try again'),
    { cause },
  );
}

async function connectClient(options: Parameters<typeof clientConfig>[0]): Promise<pg.Client> {
  const { servers, connectTimeoutMs } = options;
  const failures: unknown[] = [];
  for (let left = servers.urls.length; left > 0; left -= 1) {
    const server = servers.current;
    const client = new pg.Client(clientConfig(options, server));
    // Without a listener, a connection that breaks before the caller adds one would end the process.
    client.on('error', () => undefined);
    try {
      await client.connect();
      await servers.demandFit(client, connectTimeoutMs);
      return client;
    } catch (error) {
      await closeClient(client);
      failures.push(error);
      servers.leave(server);
    }
  }
  throw storeError(mostTelling(failures));
}

/** "No such function", "not permitted" and "not supported", which will be the same the next time. */
const LACKS_NOTIFY = /^(?:42|0A)/;

/** Tried rather than looked up: some compatible stores list the function and then refuse it. */
async function probeNotify(db: Kysely<Database>): Promise<boolean> {
  try {
    await sql`select pg_notify('patgate_probe', '')`.execute(db);
    return true;
  } catch (error) {
    if (LACKS_NOTIFY.test(sqlState(error) ?? '')) return false;
    throw error;
  }
}

/** Remembers the first answer, but not a failure. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () => {
    answer ??= ask().catch((error: unknown) => {
      answer = null;
      throw error;
    });
    return answer;
  };
}
