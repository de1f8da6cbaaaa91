import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { EventBus, GatewayEvent } from '../../../src/store/bus.ts';
import { createEventBus } from '../../../src/store/event-bus.ts';
import type { Store } from '../../../src/store/store.ts';
import { createStore, silentLog, type TestStore } from '../../support/store.ts';

/** A bus and what it heard; `until` resolves at the first event that fits. */
function hear(store: Store) {
  const bus = createEventBus({ store, clock: systemClock, log: silentLog, pollMs: 50 });
  const heard: GatewayEvent[] = [];
  const waiting: { fits: (event: GatewayEvent) => boolean; resolve: (event: GatewayEvent) => void }[] = [];
  bus.subscribe((event) => {
    heard.push(event);
    for (const one of waiting) if (one.fits(event)) one.resolve(event);
  });
  const until = (fits: (event: GatewayEvent) => boolean): Promise<GatewayEvent> =>
    new Promise((resolve) => {
      const already = heard.find(fits);
      if (already !== undefined) resolve(already);
      else waiting.push({ fits, resolve });
    });
  return { bus, heard, until, ready: until(({ kind }) => kind === 'resync') };
}

const account = (uid: string) => (event: GatewayEvent) => event.kind === 'account' && event.uid === uid;

describe('event bus', () => {
  let test: TestStore;
  const buses: EventBus[] = [];
  const open = (store: Store) => {
    const heard = hear(store);
    buses.push(heard.bus);
    return heard;
  };
  beforeEach(async () => {
    test = await createStore('bus');
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
    await test.drop();
  });

  it('carries an event to every process, once, when its transaction commits', async () => {
    const one = open(test.store);
    const other = open(test.another());
    await Promise.all([one.ready, other.ready]);
    const rolledBack = test.store.transaction(async (trx) => {
      await one.bus.publish({ kind: 'account', uid: 'never' }, trx);
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    await one.bus.publish({ kind: 'account', uid: 'a' });
    await one.bus.publish({ kind: 'tokens', tids: ['t'], change: 'revoked' });
    await Promise.all([one, other].map(({ until }) => until(({ kind }) => kind === 'tokens')));
    for (const { heard } of [one, other]) {
      expect(heard).toEqual([
        { kind: 'resync' },
        { kind: 'account', uid: 'a' },
        { kind: 'tokens', tids: ['t'], change: 'revoked' },
      ]);
    }
  });

  it('believes no notification: anybody who may connect to the database can send them', async () => {
    const one = open(test.store);
    await one.ready;
    await one.bus.publish({ kind: 'account', uid: 'before' });
    await one.until(account('before'));
    const { rows } = await sql<{ id: string }>`select max(id) as id from patgate.events`.execute(
      test.store.db,
    );
    const next = Number(rows[0]?.id) + 1;
    const kill = { kind: 'sessions.kill', sids: ['s'], reason: 'forged', by: 'nobody' };
    const payloads = [
      '',
      'x',
      '{',
      'null',
      '1e3',
      '-1',
      '0x10',
      '9'.repeat(18),
      '9'.repeat(19),
      'x'.repeat(7999),
      JSON.stringify({ id: next, event: kill }),
      JSON.stringify({ id: 'toString', event: null }),
      // known already, and not there yet
      String(next - 1),
      String(next),
    ];
    for (const payload of payloads)
      await sql`select pg_notify('patgate_events', ${payload})`.execute(test.store.db);
    await one.bus.publish({ kind: 'account', uid: 'after' });
    await one.until(account('after'));
    expect(one.heard).toEqual([
      { kind: 'resync' },
      { kind: 'account', uid: 'before' },
      { kind: 'account', uid: 'after' },
    ]);
  });

  it('loses nothing in a flood of notifications', async () => {
    const one = open(test.store);
    await one.ready;
    const flood = sql`select pg_notify('patgate_events', n::text) from generate_series(1000000, 1020000) n`;
    await flood.execute(test.store.db);
    await one.bus.publish({ kind: 'account', uid: 'amid' });
    await flood.execute(test.store.db);
    await one.until(account('amid'));
    expect(one.heard).toEqual([{ kind: 'resync' }, { kind: 'account', uid: 'amid' }]);
  });

  it('carries events longer than a notification', async () => {
    const one = open(test.store);
    await one.ready;
    const tids = Array.from({ length: 1000 }, (_, i) => `tid-${i}-${'x'.repeat(30)}`);
    await one.bus.publish({ kind: 'tokens', tids, change: 'revoked' });
    expect(await one.until(({ kind }) => kind === 'tokens')).toMatchObject({ tids });
  });

  it('hears rows that came without a notification, as from a store that has none', async () => {
    const one = open(test.store);
    await one.ready;
    await sql`insert into patgate.events (event) values ('{"kind":"account","uid":"quiet"}')`.execute(
      test.store.db,
    );
    await one.until(account('quiet'));
  });

  it('connects again after a cut, and says that something may have been missed', async () => {
    const one = open(test.store);
    await one.ready;
    one.heard.length = 0;
    const resync = one.until(({ kind }) => kind === 'resync');
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where query like '%patgate.events%' and pid <> pg_backend_pid() and datname = current_database()`.execute(
      test.store.db,
    );
    await resync;
    expect(one.heard.map(({ kind }) => kind)).toEqual(['deaf', 'resync']);
    await one.bus.publish({ kind: 'account', uid: 'after' });
    await one.until(account('after'));
  });
});
