import { sql } from 'kysely';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Store } from '../store/store.ts';
import type { LastUsed, Use } from './last-used.ts';

export interface LastUsedOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** What a killed process can lose at most. */
  readonly everyMs?: number;
}

const DEFAULT_EVERY_MS = 2000;

/** Holds the newest use of each token and writes them in one statement, a few seconds later at most. */
export function createLastUsed({ store, clock, log, everyMs = DEFAULT_EVERY_MS }: LastUsedOptions): LastUsed {
  let waiting = new Map<string, Use>();
  let timer: Timer | null = null;
  let writing: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    const batch = waiting;
    if (batch.size === 0) return;
    waiting = new Map();
    try {
      await writeUses(store, batch);
    } catch (error) {
      log.warn({ error: describeError(error), tokens: batch.size }, 'last use not written yet');
      // What came in meanwhile is newer.
      waiting = new Map([...batch, ...waiting]);
      schedule();
    }
  };
  const flush = (): Promise<void> => (writing = writing.then(write));
  const schedule = (): void => {
    timer ??= clock.after(everyMs, () => {
      timer = null;
      void flush();
    });
  };

  return {
    note(tid, use) {
      waiting.set(tid, use);
      schedule();
    },
    flush,
    async close() {
      await flush();
      timer?.cancel();
    },
  };
}

async function writeUses(store: Store, uses: ReadonlyMap<string, Use>): Promise<void> {
  const all = [...uses];
  const column = <T>(pick: (use: Use) => T): T[] => all.map(([, use]) => pick(use));
  await sql`
    update patgate.tokens t
    set last_used_at = u.at, last_used_from = u.address, last_used_application = u.application
    from unnest(
      ${all.map(([tid]) => tid)}::uuid[], ${column(({ at }) => at.toISOString())}::timestamptz[],
      ${column(({ address }) => address)}::text[],
      ${column(({ application }) => application?.replaceAll('\0', '') ?? null)}::text[]
    ) as u (tid, at, address, application)
    where t.tid = u.tid and (t.last_used_at is null or t.last_used_at < u.at)
  `.execute(store.db);
}
