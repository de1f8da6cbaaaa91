import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg, { DatabaseError } from 'pg';
import type { Log } from '../core/log.ts';
import { describeError, GatewayError } from '../core/errors.ts';
import { isBrokenConnection, isCrowded, isReadOnly, isTimeout, storeError } from './errors.ts';
import type { StoreServers } from './servers.ts';

export interface PoolOptions {
  readonly servers: StoreServers;
  readonly size: number;
  readonly connectTimeoutMs: number;
  /** Null: a statement may take as long as it likes. */
  readonly queryTimeoutMs: number | null;
  readonly applicationName: string;
  readonly log: Log;
}

const IDLE_TIMEOUT_MS = 60_000;
/** A connection that carries nothing is asked whether anybody is there after so long. */
const KEEP_ALIVE_MS = 10_000;
/** A transaction whose process has vanished is undone by the store after so long: it may hold up all others. */
const ABANDONED_AFTER_MS = 5000;
/** How long a server may take to close its side when we close ours. */
const CLOSE_TIMEOUT_MS = 500;

/** Connections to the store that survive whatever happens to the store and to the network in front of it. */
export class StorePool implements PostgresPool {
  readonly #options: PoolOptions;
  /** What is sent for BEGIN. */
  readonly #begin: string;
  #current: Generation;
  readonly #ending: Promise<void>[] = [];
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#begin = beginStatement(options.queryTimeoutMs);
    this.#current = new Generation(options);
  }

  /** Kysely's view: errors in patgate's words, and no connection given back that is of no further use. */
  async connect(): Promise<PostgresPoolClient> {
    const { client, generation } = await this.#lend().catch((error: unknown) => {
      throw storeError(error);
    });
    return guardedClient(client, this.#begin, (error) => this.#failed(error, generation));
  }

  /** One statement on any connection; on another one, once, if the connection fails. For reads only. */
  async read<Row extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<Row[]> {
    try {
      const result = await this.#query<Row>(query).catch((error: unknown) => {
        if (isBrokenConnection(error)) return this.#query<Row>(query);
        throw error;
      });
      return result.rows;
    } catch (error) {
      throw storeError(error);
    }
  }

  async end(): Promise<void> {
    this.#closed = true;
    this.#ending.push(this.#current.end());
    await Promise.all(this.#ending);
  }

  async #query<Row extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    const { client, generation } = await this.#lend();
    let failure: unknown = null;
    try {
      return await client.query<Row>(query);
    } catch (error) {
      failure = error;
      this.#failed(error, generation);
      throw error;
    } finally {
      client.release(failure !== null);
    }
  }

  /** A connection to a server that will do; each of them is tried once. */
  async #lend(): Promise<{ client: pg.PoolClient; generation: Generation }> {
    const failures: unknown[] = [];
    for (let left = this.#options.servers.urls.length; left > 0; left -= 1) {
      const generation = this.#current;
      try {
        return { client: await generation.pool.connect(), generation };
      } catch (error) {
        failures.push(error);
        // There is a server, and another one would say the same, or is not what is lacking.
        if (isCrowded(error) || (error instanceof DatabaseError && !isBrokenConnection(error))) break;
        this.#leave(generation);
      }
    }
    throw mostTelling(failures);
  }

  #leave(generation: Generation): void {
    const { servers } = this.#options;
    if (servers.urls.length === 1) return;
    servers.leave(generation.server);
    this.#renew(generation);
  }

  /**
   * A server that does not answer on one connection has most likely vanished from all: an address that moved to another
   * machine tells nobody. Nor does a primary that was demoted. So none that stands is used again, instead of failing on each.
   */
  #failed(error: unknown, generation: Generation): void {
    if (isReadOnly(error)) this.#options.servers.leave(generation.server);
    if (isTimeout(error) || isReadOnly(error)) this.#renew(generation);
  }

  #renew(generation: Generation): void {
    if (this.#closed || generation !== this.#current) return;
    this.#current = new Generation(this.#options);
    const ended = generation.end();
    this.#ending.push(ended);
    void ended.then(() => this.#ending.splice(this.#ending.indexOf(ended), 1));
  }
}

/** The connections that were opened since the store last fell silent. */
class Generation {
  readonly pool: pg.Pool;
  /** All of them lead to this one. */
  readonly server: number;
  readonly #clients = new Set<pg.PoolClient>();
  #noneLeft: () => void = () => undefined;

  constructor(options: PoolOptions) {
    const { servers } = options;
    this.server = servers.current;
    this.pool = new pg.Pool({
      ...clientConfig(options, this.server),
      max: options.size,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      ...(options.queryTimeoutMs === null ? {} : { query_timeout: options.queryTimeoutMs }),
      verify(client, done) {
        servers.demandFit(client, options.connectTimeoutMs).then(
          () => done(),
          (error: unknown) => done(error as Error),
        );
      },
    });
    this.pool.on('connect', (client) => {
      this.#clients.add(client);
      // Nobody else listens while the connection is lent, and an error that nobody hears ends the process.
      client.on('error', (error) => {
        options.log.debug({ reason: describeError(error) }, 'a connection to the store was lost');
      });
    });
    this.pool.on('remove', (client) => {
      this.#clients.delete(client);
      if (this.#clients.size === 0) this.#noneLeft();
    });
    this.pool.on('error', () => undefined);
  }

  /** Waits for the statements that run, but not for servers that are not there to say goodbye to. */
  async end(): Promise<void> {
    await this.pool.end();
    if (this.#clients.size === 0) return;
    const abort = new AbortController();
    const allGone = new Promise<void>((resolve) => {
      this.#noneLeft = resolve;
    });
    const timeUp = delay(CLOSE_TIMEOUT_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    await Promise.race([allGone, timeUp]);
    abort.abort();
    for (const client of this.#clients) cutOff(client);
  }
}

/** Closes a connection of its own, whether or not anybody is there to close the other side. */
export async function closeClient(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => cutOff(client), CLOSE_TIMEOUT_MS);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}

/** Drops a connection without a word. */
export function cutOff(client: pg.ClientBase): void {
  // Not in pg's types, but what its own pool does with a connection that takes too long.
  (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream.destroy();
}

/** What to tell of several servers that failed: one that is there and will not do says more than one that is gone. */
export function mostTelling(failures: readonly unknown[]): unknown {
  return failures.find((failure) => failure instanceof GatewayError) ?? failures.at(-1);
}

/** Options that a single connection and those of a pool share. */
export function clientConfig(
  options: Pick<PoolOptions, 'servers' | 'connectTimeoutMs' | 'applicationName'>,
  server: number,
): pg.ClientConfig {
  return {
    connectionString: options.servers.urlOf(server),
    connectionTimeoutMillis: options.connectTimeoutMs,
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    types: storeTypes(),
  };
}

/** Local, and in one message with BEGIN: costs no round trip, and leaves nothing behind in a pooler's connection. */
function beginStatement(queryTimeoutMs: number | null): string {
  if (queryTimeoutMs === null) return 'begin';
  const timeoutMs = Math.min(queryTimeoutMs, ABANDONED_AFTER_MS);
  return `begin; set local idle_in_transaction_session_timeout = ${timeoutMs}`;
}

function guardedClient(
  client: pg.PoolClient,
  begin: string,
  onFailure: (error: unknown) => void,
): PostgresPoolClient {
  let useless: Error | null = null;
  const guard = {
    async query(sql: string, parameters: readonly unknown[]): Promise<unknown> {
      if (useless !== null) {
        // The connection is about to be closed, which rolls back too; a failure of ROLLBACK would hide the first one.
        if (sql === 'rollback') return NO_ROWS;
        throw useless;
      }
      try {
        return await client.query(sql === 'begin' ? begin : sql, [...parameters]);
      } catch (error) {
        const failure = storeError(error);
        if (isBrokenConnection(error) || isReadOnly(error)) useless = failure;
        onFailure(error);
        throw failure;
      }
    },
    release: () => client.release(useless !== null),
  };
  // Kysely's overload for cursors is left out: it is used only when a cursor class is configured.
  return guard as PostgresPoolClient;
}

const NO_ROWS = { command: 'ROLLBACK', rowCount: 0, rows: [] } as const;

/** bigint as number: ids and milliseconds stay far below 2^53. */
function storeTypes(): pg.TypeOverrides {
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, Number);
  return types;
}
