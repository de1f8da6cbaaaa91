import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createAudit } from '../../../src/store/audit-log.ts';
import type { EventBus, GatewayEvent } from '../../../src/store/bus.ts';
import { createEventBus } from '../../../src/store/event-bus.ts';
import { createLiveSessions } from '../../../src/store/session-directory.ts';
import { openStore, type Store, type StoreOptions } from '../../../src/store/store.ts';
import { eventually } from '../../support/eventually.ts';
import { liveSession } from '../../support/live-session.ts';
import { createStore, silentLog, type TestStore } from '../../support/store.ts';
import { startTcpRelay, type TcpRelay } from '../../support/tcp-relay.ts';

const PROBE = { name: 'probe', text: 'select $1::int as n' };

/** Resolves with the next event of that kind. */
function heardBy(bus: EventBus, kind: GatewayEvent['kind']): Promise<void> {
  return new Promise((resolve) => {
    const stop = bus.subscribe((event) => {
      if (event.kind !== kind) return;
      stop();
      resolve();
    });
  });
}

describe('a store behind a network that breaks', () => {
  let test: TestStore;
  let relay: TcpRelay;
  const stores: Store[] = [];
  const open = (options: Partial<StoreOptions> = {}): Store => {
    const url = relay.through(test.database.url);
    const store = openStore({ url, log: silentLog, poolSize: 4, connectTimeoutMs: 400, ...options });
    stores.push(store);
    return store;
  };
  beforeEach(async () => {
    test = await createStore('network');
    relay = await startTcpRelay({ host: '127.0.0.1', port: inject('cluster').port });
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await relay.close();
    await test.drop();
  });

  // An error of a connection that nobody listens to is an uncaught exception, which fails the whole file.
  it.each([
    ['under a statement', (store: Store) => sleepAndCut(store.db)],
    ['under a statement of a transaction', (store: Store) => store.transaction((trx) => sleepAndCut(trx))],
    [
      'between two statements of a transaction',
      (store: Store) =>
        store.transaction(async (trx) => {
          await sql`select 1`.execute(trx);
          relay.cut();
          await delay(30);
          await sql`select 2`.execute(trx);
        }),
    ],
  ])('is cut off %s: the work fails, nothing else does, and the next finds it again', async (_when, work) => {
    const store = open();
    await expect(work(store)).rejects.toMatchObject({ code: 'store.unreachable' });
    await store.ping();
  });

  function sleepAndCut(db: Store['db']): Promise<unknown> {
    setTimeout(() => relay.cut(), 50);
    return sql`select pg_sleep(5)`.execute(db);
  }

  it('leaves connections dead without a word: one statement waits, then none of them is tried', async () => {
    const store = open({ queryTimeoutMs: 300, poolSize: 4 });
    await Promise.all([1, 2, 3, 4].map(() => sql`select pg_sleep(0.05)`.execute(store.db)));
    relay.strand();
    const before = performance.now();
    expect(await store.read(PROBE, [1])).toEqual([{ n: 1 }]);
    for (let n = 0; n < 8; n += 1) await store.ping();
    expect(performance.now() - before).toBeLessThan(2 * 300);
  });

  it('falls silent: statements fail in time, and the store can be closed', async () => {
    const store = open({ queryTimeoutMs: 200 });
    await store.ping();
    relay.silence();
    await expect(store.read(PROBE, [1])).rejects.toMatchObject({ code: 'store.unreachable' });
    const work = store.transaction((trx) => sql`select 1`.execute(trx));
    await expect(work).rejects.toMatchObject({ code: 'store.unreachable' });
    relay.speak();
    await store.ping();
    relay.silence();
    const before = performance.now();
    await store.close();
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it('vanishes with a transaction open: the store undoes it, and others need not wait for it for ever', async () => {
    const store = open({ queryTimeoutMs: 300 });
    const other = test.another();
    const audit = createAudit({ store: other, clock: systemClock, log: silentLog });
    const work = store.transaction(async (trx) => {
      await sql`select 1 from patgate.audit_head for update`.execute(trx);
      relay.strand();
      await sql`select 1`.execute(trx);
    });
    await expect(work).rejects.toMatchObject({ code: 'store.unreachable' });
    audit.note({ action: 'login', outcome: 'ok', actor: { uid: null, name: 'a', via: 'test', tid: null } });
    await audit.close();
    expect(await audit.list()).toHaveLength(1);
  });

  it('tells of events again, whatever happened to the connection that listened', async () => {
    const store = open({ queryTimeoutMs: 300 });
    const bus = createEventBus({ store, clock: systemClock, log: silentLog, pollMs: 30 });
    const heard = (kind: GatewayEvent['kind']) => heardBy(bus, kind);
    await heard('resync');
    const faults: [string, () => void][] = [
      ['cut', () => relay.cut()],
      ['stranded', () => relay.strand()],
    ];
    for (const [fault, happen] of faults) {
      const again = heard('resync');
      happen();
      await again;
      // What else there was of connections may still be dead.
      await store.ping().catch(() => undefined);
      const account = heard('account');
      await bus.publish({ kind: 'account', uid: fault });
      await account;
    }
    relay.silence();
    await bus.close();
    relay.speak();
  });

  it('loses one of its two servers: events come from the other one, also when nothing else is asked', async () => {
    const target = { host: '127.0.0.1', port: inject('cluster').port };
    const second = await startTcpRelay(target);
    const { username, password, pathname } = new URL(test.database.url);
    const both = `127.0.0.1:${relay.port},127.0.0.1:${second.port}`;
    const store = open({ url: `postgres://${username}:${password}@${both}${pathname}` });
    const bus = createEventBus({ store, clock: systemClock, log: silentLog, pollMs: 30 });
    await heardBy(bus, 'resync');
    const again = heardBy(bus, 'resync');
    await relay.refuse();
    await again;
    const account = heardBy(bus, 'account');
    await bus.publish({ kind: 'account', uid: 'somebody' });
    await account;
    await bus.close();
    await store.close();
    await second.close();
  });

  it('loses the answer to a session’s entry in the list: once closed, it is not listed for long', async () => {
    let losing = false;
    relay.watch((chunk) => (losing && chunk.includes('INSERT 0 1') ? 'cut' : 'pass'));
    const store = open();
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const list = createLiveSessions({ store, clock, log: silentLog });
    await list.flush();
    const [lost, stays] = [liveSession(), liveSession()];
    list.opened(lost);
    losing = true;
    await list.flush();
    losing = false;
    list.closed(lost.sid);
    list.opened(stays);
    const listed = async (): Promise<string[]> => (await list.list()).map(({ sid }) => sid);
    await eventually(async () => expect(await listed()).toContain(lost.sid));
    // the next heartbeat is due
    aheadMs = 5000;
    await list.flush();
    expect(await listed()).toEqual([stays.sid]);
    await list.close();
  });

  it('loses the answer to COMMIT: what is noted for the audit is there once', async () => {
    const store = open();
    const audit = createAudit({ store, clock: systemClock, log: silentLog });
    let commits = 0;
    relay.watch((chunk) => {
      if (!chunk.includes('COMMIT')) return 'pass';
      commits += 1;
      return commits <= 2 ? 'cut' : 'pass';
    });
    for (const name of ['first', 'second', 'third']) {
      audit.note({ action: 'login', outcome: 'ok', actor: { uid: null, name, via: 'test', tid: null } });
    }
    await audit.flush();
    expect(commits).toBeGreaterThanOrEqual(2);
    expect((await audit.list()).map(({ actor }) => actor.name)).toEqual(['third', 'second', 'first']);
    expect(await audit.verify()).toMatchObject({ ok: true, rows: 3 });
    await audit.close();
  });
});
