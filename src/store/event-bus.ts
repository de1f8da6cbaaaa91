import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { Client, Notification, QueryResultRow } from 'pg';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { EventBus, GatewayEvent, PublishedEvent } from './bus.ts';
import { closeClient, cutOff } from './pool.ts';
import type { Store, StoreTransaction } from './store.ts';

export interface EventBusOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** How often missed events are looked for, which also shows whether the connection still lives. */
  readonly pollMs?: number;
}

const CHANNEL = 'patgate_events';
const DEFAULT_POLL_MS = 500;
/** A connection that does not answer for so long is given up. */
const SILENCE_MS = 2000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2000;
/** PostgreSQL carries 8,000 bytes in a notification; longer events are fetched. */
const MOST_PAYLOAD_BYTES = 7000;
/** Transactions commit out of the order of their ids, so each look goes back so far. */
const LOOK_BACK = '10 seconds';
/** One row at least, which says whether this server still is the one that events come to. */
const LOOK = `
  select s.read_only, e.id, e.event
  from (select current_setting('transaction_read_only') as read_only) s
    left join patgate.events e on e.at > clock_timestamp() - interval '${LOOK_BACK}'
  order by e.id`;
const REMEMBERED = 20_000;
const KEPT = '10 minutes';
const POLLS_PER_PRUNE = 200;

type Row = { readonly read_only: string } & (
  { readonly id: string; readonly event: PublishedEvent } | { readonly id: null; readonly event: null }
);

interface Link {
  readonly client: Client;
  /** Why it is of no more use. */
  lost: Error | null;
}

/** Starts listening at once; the first event a subscriber gets is `resync` when the connection stands, or `deaf` when it cannot. */
export function createEventBus(options: EventBusOptions): EventBus {
  const bus = new StoreEventBus(options);
  bus.start();
  return bus;
}

/**
 * Events are rows, and a notification in the same transaction says that they are there. One connection listens and also
 * looks for rows itself, so a store without NOTIFY only makes events a little later, and a dead link is noticed.
 */
class StoreEventBus implements EventBus {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pollMs: number;
  readonly #listeners = new Set<(event: GatewayEvent) => void>();
  readonly #seen = new LRUCache<number, true>({ max: REMEMBERED });
  #retryMs = FIRST_RETRY_MS;
  #polls = 0;
  #closed = false;
  #running: Promise<void> = Promise.resolve();
  /** Ends the pause under way: there is something to look for, or nothing more to wait for. */
  #wake: () => void = () => undefined;
  #wanted = false;

  constructor({ store, clock, log, pollMs }: EventBusOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#pollMs = pollMs ?? DEFAULT_POLL_MS;
  }

  start(): void {
    this.#running = this.#run();
  }

  async publish(event: PublishedEvent, trx?: StoreTransaction): Promise<void> {
    if (trx === undefined) {
      await this.#store.transaction((own) => this.publish(event, own));
      return;
    }
    const text = JSON.stringify(event);
    const { id } = await trx
      .insertInto('events')
      .values({ event: text })
      .returning('id')
      .executeTakeFirstOrThrow();
    if (!(await this.#store.hasNotify())) return;
    const payload = Buffer.byteLength(text) <= MOST_PAYLOAD_BYTES ? JSON.stringify({ id, event }) : '';
    await sql`select pg_notify(${CHANNEL}, ${payload})`.execute(trx);
  }

  subscribe(listener: (event: GatewayEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#running;
  }

  /** One connection after the other. */
  async #run(): Promise<void> {
    for (;;) {
      try {
        await this.#listen();
        return;
      } catch (error) {
        if (this.#isClosed) return;
        this.#log.warn({ error: describeError(error) }, 'no connection for events; trying again');
        const delayMs = this.#retryMs;
        this.#retryMs = Math.min(2 * delayMs, LONGEST_RETRY_MS);
        await this.#pause(delayMs);
      }
    }
  }

  /** @throws when the connection is lost; returns once the bus is closed */
  async #listen(): Promise<void> {
    let client: Client | null = null;
    try {
      const hasNotify = await this.#store.hasNotify();
      client = await this.#store.connect();
      await this.#listenOn(client, hasNotify);
    } catch (error) {
      // Before the goodbye, which takes a while where the other side is gone.
      if (!this.#isClosed) this.#emit({ kind: 'deaf' });
      throw error;
    } finally {
      if (client !== null) await closeClient(client);
    }
  }

  async #listenOn(client: Client, hasNotify: boolean): Promise<void> {
    const link: Link = { client, lost: null };
    const onLost = (error?: Error): void => {
      link.lost ??= error ?? new Error('the connection ended');
      this.#wake();
    };
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', (notification) => this.#notified(notification));
    if (hasNotify) await this.#ask(client, `listen ${CHANNEL}`);
    await this.#look(client, { deliver: false });
    this.#retryMs = FIRST_RETRY_MS;
    this.#emit({ kind: 'resync' });
    await this.#follow(link);
  }

  async #follow(link: Link): Promise<void> {
    for (;;) {
      await this.#pause(this.#pollMs);
      if (this.#isClosed) return;
      if (link.lost !== null) throw link.lost;
      await this.#look(link.client, { deliver: true });
    }
  }

  get #isClosed(): boolean {
    return this.#closed;
  }

  /** Waits for so long, or until there is a reason not to. */
  async #pause(delayMs: number): Promise<void> {
    if (this.#closed || this.#wanted) {
      this.#wanted = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(delayMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = () => undefined;
    this.#wanted = false;
  }

  /** @throws also when there is no answer in time: a peer that vanished says nothing */
  async #ask<R extends QueryResultRow>(client: Client, text: string): Promise<R[]> {
    const silence = this.#clock.after(SILENCE_MS, () => cutOff(client));
    try {
      return (await client.query<R>(text)).rows;
    } finally {
      silence.cancel();
    }
  }

  async #look(client: Client, { deliver }: { deliver: boolean }): Promise<void> {
    const rows = await this.#ask<Row>(client, LOOK);
    // What was the primary before a failover hears of nothing any more.
    if (rows[0]?.read_only === 'on') throw new Error('the store takes no changes');
    for (const { id, event } of rows) {
      if (id !== null) this.#take(Number(id), event, deliver);
    }
    this.#polls += 1;
    if (this.#polls % POLLS_PER_PRUNE === 0) {
      await this.#ask(client, `delete from patgate.events where at < clock_timestamp() - interval '${KEPT}'`);
    }
  }

  #notified({ payload }: Notification): void {
    if (payload === undefined || payload === '') {
      this.#wanted = true;
      this.#wake();
      return;
    }
    const { id, event } = JSON.parse(payload) as { id: number | string; event: PublishedEvent };
    this.#take(Number(id), event, true);
  }

  #take(id: number, event: PublishedEvent, deliver: boolean): void {
    if (this.#seen.has(id)) return;
    this.#seen.set(id, true);
    if (deliver) this.#emit(event);
  }

  #emit(event: GatewayEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#log.error({ kind: event.kind, error: describeError(error) }, 'a listener for events failed');
      }
    }
  }
}
