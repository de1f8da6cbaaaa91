import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { Client, Notification } from 'pg';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { EventBus, GatewayEvent, PublishedEvent } from './bus.ts';
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
const REMEMBERED = 20_000;
const KEPT = '10 minutes';
const POLLS_PER_PRUNE = 200;

/** Starts listening at once; the first event a subscriber gets is `resync` when the connection stands. */
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
  #client: Client | null = null;
  #timer: Timer | null = null;
  #retryMs = FIRST_RETRY_MS;
  #polls = 0;
  #closed = false;
  #connecting: Promise<void> = Promise.resolve();

  constructor({ store, clock, log, pollMs }: EventBusOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#pollMs = pollMs ?? DEFAULT_POLL_MS;
  }

  start(): void {
    this.#connecting = this.#connect();
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
    this.#timer?.cancel();
    await this.#connecting;
    const client = this.#client;
    this.#client = null;
    await client?.end();
  }

  async #connect(): Promise<void> {
    try {
      const client = await this.#store.connect();
      if (this.#closed) {
        await client.end();
        return;
      }
      client.on('error', () => this.#lost(client, 'connection broke'));
      client.on('end', () => this.#lost(client, 'connection ended'));
      client.on('notification', (notification) => this.#notified(notification));
      this.#client = client;
      if (await this.#store.hasNotify()) await client.query(`listen ${CHANNEL}`);
      await this.#look(client, { deliver: false });
      this.#retryMs = FIRST_RETRY_MS;
      this.#emit({ kind: 'resync' });
      this.#scheduleLook(client);
    } catch (error) {
      this.#log.warn({ error: describeError(error) }, 'no connection for events; trying again');
      this.#lost(this.#client, null);
    }
  }

  #lost(client: Client | null, reason: string | null): void {
    if (this.#closed || client !== this.#client) return;
    if (reason !== null) this.#log.warn({ reason }, 'lost the connection for events');
    this.#client = null;
    this.#timer?.cancel();
    void client?.end().catch(() => undefined);
    const delayMs = this.#retryMs;
    this.#retryMs = Math.min(2 * delayMs, LONGEST_RETRY_MS);
    this.#timer = this.#clock.after(delayMs, () => this.start());
  }

  #scheduleLook(client: Client): void {
    if (this.#closed || client !== this.#client) return;
    this.#timer = this.#clock.after(this.#pollMs, () => {
      const silence = this.#clock.after(SILENCE_MS, () => this.#lost(client, 'no answer'));
      this.#look(client, { deliver: true }).then(
        () => {
          silence.cancel();
          this.#scheduleLook(client);
        },
        (error: unknown) => {
          silence.cancel();
          this.#lost(client, describeError(error));
        },
      );
    });
  }

  async #look(client: Client, { deliver }: { deliver: boolean }): Promise<void> {
    const { rows } = await client.query<{ id: string; event: PublishedEvent }>(
      `select id, event from patgate.events where at > clock_timestamp() - interval '${LOOK_BACK}' order by id`,
    );
    for (const { id, event } of rows) this.#take(Number(id), event, deliver);
    this.#polls += 1;
    if (this.#polls % POLLS_PER_PRUNE === 0) {
      await client.query(`delete from patgate.events where at < clock_timestamp() - interval '${KEPT}'`);
    }
  }

  #notified({ payload }: Notification): void {
    const client = this.#client;
    if (payload === undefined || payload === '') {
      if (client !== null)
        this.#look(client, { deliver: true }).catch(() => this.#lost(client, 'look failed'));
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
