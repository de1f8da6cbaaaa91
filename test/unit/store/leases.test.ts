import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createLeases } from '../../../src/store/store-leases.ts';
import { createStore, silentLog, type TestStore } from '../../support/store.ts';

describe('leases', () => {
  let test: TestStore;
  const open = () => createLeases({ store: test.another(), clock: systemClock, log: silentLog });
  beforeAll(async () => {
    test = await createStore('leases');
  });
  afterAll(() => test.drop());

  it('lets one of many do the work, and the next one after it', async () => {
    const [one, other] = [open(), open()];
    let ran = 0;
    const outcomes = await Promise.all(
      [one, other, one, other].map((leases) =>
        leases.withLease('job', 60_000, async () => {
          ran += 1;
          await sql`select pg_sleep(0.2)`.execute(test.store.db);
        }),
      ),
    );
    expect(ran).toBe(1);
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(await other.withLease('job', 60_000, () => Promise.resolve())).toBe(true);
  });

  it('gives the lease back when the work fails', async () => {
    const leases = open();
    await expect(leases.withLease('failing', 60_000, () => Promise.reject(new Error('x')))).rejects.toThrow(
      'x',
    );
    expect(await open().withLease('failing', 60_000, () => Promise.resolve())).toBe(true);
  });

  it('takes over from a process that died, and tells the one that slept', async () => {
    const asleep = open().withLease('dead', 90, async (signal) => {
      await sql`update patgate.leases set holder = gen_random_uuid() where name = 'dead'`.execute(
        test.store.db,
      );
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    expect(await asleep).toBe(true);
    await sql`update patgate.leases set expires_at = now() where name = 'dead'`.execute(test.store.db);
    expect(await open().withLease('dead', 60_000, () => Promise.resolve())).toBe(true);
  });
});
