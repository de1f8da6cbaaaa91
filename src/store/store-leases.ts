import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Leases } from './leases.ts';
import type { Store } from './store.ts';

export interface LeasesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Leases are rows with an end, told by the store's own clock: no two machines can both believe that they hold one. */
export function createLeases({ store, clock, log }: LeasesOptions): Leases {
  return {
    async withLease(name, durationMs, work) {
      const lease = new Lease(store, name, durationMs);
      if (!(await lease.take())) return false;
      const lost = new AbortController();
      let timer: Timer | null = null;
      const renewLater = (): void => {
        timer = clock.after(durationMs / 3, () => {
          lease.renew().then(
            (held) => {
              if (held) renewLater();
              else lost.abort();
            },
            (error: unknown) => {
              log.warn({ lease: name, error: describeError(error) }, 'lease not renewed');
              lost.abort();
            },
          );
        });
      };
      renewLater();
      try {
        await work(lost.signal);
      } finally {
        (timer as Timer | null)?.cancel();
        await lease.giveBack();
      }
      return true;
    },
  };
}

class Lease {
  readonly #store: Store;
  readonly #name: string;
  readonly #durationMs: number;
  readonly #holder = randomUUID();

  constructor(store: Store, name: string, durationMs: number) {
    this.#store = store;
    this.#name = name;
    this.#durationMs = durationMs;
  }

  /** @returns false while somebody else holds it */
  async take(): Promise<boolean> {
    const { rows } = await sql`
      insert into patgate.leases (name, holder, expires_at) values (${this.#name}, ${this.#holder}, ${this.#end()})
      on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
      where leases.expires_at < clock_timestamp()
      returning holder
    `.execute(this.#store.db);
    return rows.length > 0;
  }

  /** @returns false when it had run out and went to somebody else */
  async renew(): Promise<boolean> {
    const { rows } = await sql`
      update patgate.leases set expires_at = ${this.#end()}
      where name = ${this.#name} and holder = ${this.#holder}
      returning holder
    `.execute(this.#store.db);
    return rows.length > 0;
  }

  async giveBack(): Promise<void> {
    await sql`delete from patgate.leases where name = ${this.#name} and holder = ${this.#holder}`.execute(
      this.#store.db,
    );
  }

  #end(): ReturnType<typeof sql> {
    return sql`clock_timestamp() + ${this.#durationMs} * interval '1 millisecond'`;
  }
}
