import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createEventBus } from '../../../src/store/event-bus.ts';
import type { GatewayEvent } from '../../../src/store/bus.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { asAdmin } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { startServerPair, type ServerPair } from '../../support/standby.ts';
import { silentLog } from '../../support/store.ts';

let servers: ServerPair;
let store: Store;

beforeAll(async () => {
  servers = await startServerPair();
  const url = new URL(servers.primary.url());
  const places = `127.0.0.1:${servers.primary.port},127.0.0.1:${servers.standby.port}`;
  store = openStore({
    url: `postgres://${url.username}:${url.password}@${places}/postgres`,
    log: silentLog,
  });
  await store.migrate();
});
afterAll(async () => {
  await store.close();
  await servers.drop();
});

it('events come from the new primary although the connection to the old one still stands', async () => {
  const heard: GatewayEvent[] = [];
  const bus = createEventBus({ store, clock: systemClock, log: silentLog, pollMs: 250 });
  try {
    bus.subscribe((event) => heard.push(event));
    await eventually(() => expect(heard).toContainEqual({ kind: 'resync' }));
    await asAdmin('alter system set default_transaction_read_only = on', servers.primary.url());
    await asAdmin('select pg_reload_conf()', servers.primary.url());
    await servers.promote();
    await eventually(() => {
      expect(heard).toContainEqual({ kind: 'deaf' });
      expect(heard.at(-1)).toEqual({ kind: 'resync' });
    });
    await asAdmin(
      `insert into patgate.events (event) values ('{"kind":"account","uid":"new"}')`,
      servers.standby.url(),
    );
    await eventually(() => expect(heard).toContainEqual({ kind: 'account', uid: 'new' }));
  } finally {
    await bus.close();
  }
});
