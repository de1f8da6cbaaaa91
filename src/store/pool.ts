import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import type { Log } from '../core/log.ts';
import { describeError } from '../core/errors.ts';
import { isBrokenConnection, isReadOnly, storeError } from './errors.ts';

export interface PoolOptions {
  /** `postgres://…`; may hold a password, so it is never logged. */
  readonly url: string;
  readonly size: number;
  readonly connectTimeoutMs: number;
  /** Null: a statement may take as long as it likes. */
  readonly queryTimeoutMs: number | null;
  readonly applicationName: string;
  readonly log: Log;
}

const IDLE_TIMEOUT_MS = 60_000;

export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    ...clientConfig(options),
    max: options.size,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    ...(options.queryTimeoutMs === null ? {} : { query_timeout: options.queryTimeoutMs }),
  });
  // An idle connection that the server closes; the pool replaces it.
  pool.on('error', (error) => {
    options.log.debug({ reason: describeError(error) }, 'an idle connection to the store was lost');
  });
  return pool;
}

/** Options that a single connection and those of a pool share. */
export function clientConfig(
  options: Pick<PoolOptions, 'url' | 'connectTimeoutMs' | 'applicationName'>,
): pg.ClientConfig {
  return {
    connectionString: options.url,
    connectionTimeoutMillis: options.connectTimeoutMs,
    application_name: options.applicationName,
    keepAlive: true,
    types: storeTypes(),
  };
}

/** Kysely's view of the pool: errors in patgate's words, and no connection given back that is of no further use. */
export function guardedPool(pool: pg.Pool): PostgresPool {
  const guards = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    async connect() {
      const client = await pool.connect().catch((error: unknown) => {
        throw storeError(error);
      });
      const guard = guards.get(client) ?? guardedClient(client);
      guards.set(client, guard);
      return guard;
    },
    end: () => pool.end(),
  };
}

function guardedClient(client: pg.PoolClient): PostgresPoolClient {
  let useless = false;
  const guard = {
    async query(sql: string, parameters: readonly unknown[]): Promise<unknown> {
      try {
        return await client.query(sql, [...parameters]);
      } catch (error) {
        useless ||= isBrokenConnection(error) || isReadOnly(error);
        throw storeError(error);
      }
    },
    release: () => client.release(useless),
  };
  // Kysely's overload for cursors is left out: it is used only when a cursor class is configured.
  return guard as PostgresPoolClient;
}

/** bigint as number: ids and milliseconds stay far below 2^53. */
function storeTypes(): pg.TypeOverrides {
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, Number);
  return types;
}
