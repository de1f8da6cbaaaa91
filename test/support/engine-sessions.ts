import type { TestDatabase } from './database.ts';
import { withClient } from './query.ts';

/** Waits for the engine's own word that a session on this database is in pg_sleep(). */
export async function untilAsleep(engine: TestDatabase): Promise<void> {
  await withClient(engine.url, async (observer) => {
    for (;;) {
      const { rowCount } = await observer.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`,
      );
      if (rowCount === 1) return;
    }
  });
}
