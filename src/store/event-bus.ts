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
/** Anybody who may connect to the database can send notifications: between two fetches there is time for other work. */
const FETCH_GAP_MS = 10;
const MOST_ANNOUNCED = 1000;
const EVENT_ID = /^[1-9]\d{0,17}$/;
/** Transactions commit out of the order of their ids, so each look goes back so far. */
const LOOK_BACK = '10 seconds';
/** One row at least, which says whether this server still is the one that events come to. */
const LOOK = `
  select s.read_only, e.id, e.event
  from (select current_setting('transaction_read_only') as read_only) s
    left join patgate.events e on e.at > clock_timestamp() - interval '${LOOK_BACK}'
  order by e.id`;
const FETCH = 'select id, event from patgate.events where id = any($1::bigint[]) order by id';
const REMEMBERED = 20_000;
const KEPT = '10 minutes';
const POLLS_PER_PRUNE = 200;

interface EventRow {
  readonly id: string;
  readonly event: PublishedEvent;
}

type Row = { readonly read_only: string } & (EventRow | { readonly id: null; readonly event: null });

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
 * Events are rows, and a notification in the same transaction says which one is there. What it says is fetched, never believed:
 * NOTIFY takes no privilege. One connection listens and also looks for rows itself, so a store without NOTIFY only makes events
 * a little later, and a dead link is noticed.
 */
class StoreEventBus implements EventBus {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pollMs: number;
  readonly #listeners = new Set<(event: GatewayEvent) => void>();
  readonly #seen = new LRUCache<string, true>({ max: REMEMBERED });
  #retryMs = FIRST_RETRY_MS;
  #polls = 0;
  #closed = false;
  #running: Promise<void> = Promise.resolve();
  /** Ends the pause under way: there is something to fetch, or nothing more to wait for. */
  #wake: (announced: boolean) => void = () => undefined;
  /** Ids of events that a notification told of. */
  readonly #announced = new Set<string>();

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
    const { id } = await trx
      .insertInto('events')
      .values({ event: JSON.stringify(event) })
      .returning('id')
      .executeTakeFirstOrThrow();
    if (await this.#store.hasNotify()) await sql`select pg_notify(${CHANNEL}, ${String(id)})`.execute(trx);
  }

  subscribe(listener: (event: GatewayEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake(false);
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
      this.#wake(false);
    };
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', (notification) => this.#notified(notification));
    this.#announced.clear();
    if (hasNotify) await this.#ask(client, `listen ${CHANNEL}`);
    await this.#look(client, { deliver: false });
    this.#retryMs = FIRST_RETRY_MS;
    this.#emit({ kind: 'resync' });
    await this.#follow(link);
  }

  async #follow(link: Link): Promise<void> {
    let lookedAtMs = this.#clock.monotonicMs();
    for (;;) {
      const dueMs = lookedAtMs + this.#pollMs - this.#clock.monotonicMs();
      if (dueMs > 0 && this.#announced.size === 0) await this.#pause(dueMs, true);
      if (this.#isClosed) return;
      if (link.lost !== null) throw link.lost;
      if (this.#announced.size > 0) {
        await this.#fetch(link.client);
        await this.#pause(FETCH_GAP_MS);
      }
      if (this.#clock.monotonicMs() < lookedAtMs + this.#pollMs) continue;
      lookedAtMs = this.#clock.monotonicMs();
      await this.#look(link.client, { deliver: true });
    }
  }

  get #isClosed(): boolean {
    return this.#closed;
  }

  /** Waits for so long, or until the bus is closed or its connection lost; `orAnnounced`: or until there is something to fetch. */
  async #pause(delayMs: number, orAnnounced = false): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(delayMs, resolve);
      this.#wake = (announced) => {
        if (announced && !orAnnounced) return;
        timer.cancel();
        resolve();
      };
    });
    this.#wake = () => undefined;
  }

  /** @throws also when there is no answer in time: a peer that vanished says nothing */
  async #ask<R extends QueryResultRow>(client: Client, text: string, values: unknown[] = []): Promise<R[]> {
    const silence = this.#clock.after(SILENCE_MS, () => cutOff(client));
    try {
      return (await client.query<R>(text, values)).rows;
    } finally {
      silence.cancel();
    }
  }

  async #fetch(client: Client): Promise<void> {
    const ids = [...this.#announced];
    this.#announced.clear();
    for (const { id, event } of await this.#ask<EventRow>(client, FETCH, [ids])) this.#take(id, event, true);
  }

  async #look(client: Client, { deliver }: { deliver: boolean }): Promise<void> {
    const rows = await this.#ask<Row>(client, LOOK);
    // What was the primary before a failover hears of nothing any more.
    if (rows[0]?.read_only === 'on') throw new Error('the store takes no changes');
    for (const { id, event } of rows) {
      if (id !== null) this.#take(id, event, deliver);
    }
    this.#polls += 1;
    if (this.#polls % POLLS_PER_PRUNE === 0) {
      await this.#ask(client, `delete from patgate.events where at < clock_timestamp() - interval '${KEPT}'`);
    }
  }

  #notified({ payload = '' }: Notification): void {
    if (!EVENT_ID.test(payload) || this.#seen.has(payload)) return;
    if (this.#announced.size < MOST_ANNOUNCED) this.#announced.add(payload);
    this.#wake(true);
  }

  #take(id: string, event: PublishedEvent, deliver: boolean): void {
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
