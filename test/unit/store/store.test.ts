import { createServer } from 'node:net';
import { once } from 'node:events';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../src/store/store.ts';
import { GatewayError } from '../../../src/core/errors.ts';
import { asAdmin } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { createStore, silentLog, type TestStore } from '../../support/store.ts';

async function failure(url: string): Promise<GatewayError> {
  const store = openStore({ url, log: silentLog, connectTimeoutMs: 300 });
  const error: unknown = await store.ping().catch((caught: unknown) => caught);
  const sameError: unknown = await store.read({ name: 'one', text: 'select 1' }, []).catch((e: unknown) => e);
  await store.close();
  expect(error).toBeInstanceOf(GatewayError);
  expect(sameError).toMatchObject({ code: (error as GatewayError).code });
  return error as GatewayError;
}

/** A port at which nobody answers, because it was just given back. */
async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe('a store that cannot be used', () => {
  let test: TestStore;
  beforeAll(async () => {
    test = await createStore('broken');
  });
  afterAll(() => test.drop());

  it('nobody listens', async () => {
    const error = await failure(`postgres://u:sesame@127.0.0.1:${await unusedPort()}/x`);
    expect(error.code).toBe('store.unreachable');
    expect(error.client).toMatchObject({ severity: 'FATAL', sqlState: '57P03' });
    expect(JSON.stringify(error)).not.toContain('sesame');
    expect(error.message).not.toContain('sesame');
  });

  it('somebody listens and says nothing', async () => {
    const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as { port: number };
    expect((await failure(`postgres://u:p@127.0.0.1:${port}/x`)).code).toBe('store.unreachable');
    mute.close();
  });

  it.each([
    ['an unknown host', () => 'postgres://u:p@no-such-host.invalid/x'],
    ['a wrong password', (url: string) => url.replace(/:[^:@/]+@/, ':wrong@')],
    ['no such database', (url: string) => `${url}_missing`],
  ])('%s', async (_case, change) => {
    expect((await failure(change(test.database.url))).code).toBe('store.unreachable');
  });

  it('takes no changes', async () => {
    const store = test.another({ poolSize: 1 });
    await store.ping();
    await sql`set default_transaction_read_only = on`.execute(store.db);
    const insert = () =>
      store.db
        .insertInto('settings')
        .values({ name: 'x', value: Buffer.of(1) })
        .execute();
    await expect(insert()).rejects.toMatchObject({ code: 'store.read_only' });
    // The connection was thrown away, so a store that moved to a new primary is found again.
    await insert();
  });

  it('drops its connections: idle ones are replaced, a read is tried again', async () => {
    const store = test.another({ poolSize: 3, applicationName: 'victim' });
    const probe = { name: 'probe', text: 'select $1::int as n' };
    expect(await store.read(probe, [1])).toEqual([{ n: 1 }]);
    for (let round = 0; round < 5; round += 1) {
      await asAdmin(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'`,
        test.database.url,
      );
      expect(await store.read(probe, [round])).toEqual([{ n: round }]);
    }
  });

  it('answers a statement too late: the call fails and its connection is not used again', async () => {
    const store = test.another({ poolSize: 1, queryTimeoutMs: 100 });
    await store.ping();
    await expect(sql`select pg_sleep(30)`.execute(store.db)).rejects.toMatchObject({
      code: 'store.unreachable',
    });
    await store.ping();
  });

  it('can be closed while a statement takes too long', async () => {
    const store = openStore({ url: test.database.url, log: silentLog, queryTimeoutMs: 300 });
    await store.ping();
    const late = sql`select pg_sleep(2)`.execute(store.db).catch((error: unknown) => error);
    await eventually(async () => {
      const running = sql`select 1 from pg_stat_activity where query = 'select pg_sleep(2)'`;
      expect((await running.execute(test.store.db)).rows.length).toBe(1);
    });
    await store.close();
    expect(await late).toMatchObject({ code: 'store.unreachable' });
  });
});

describe('transactions', () => {
  let test: TestStore;
  beforeAll(async () => {
    test = await createStore('trx');
  });
  afterAll(() => test.drop());

  it('are tried again when they met another', async () => {
    const { store } = test;
    let attempts = 0;
    const answer = await store.transaction(async (trx) => {
      attempts += 1;
      if (attempts < 3) await sql`do $$ begin raise sqlstate '40001'; end $$`.execute(trx);
      return 'done';
    });
    expect([answer, attempts]).toEqual(['done', 3]);
  });

  it('do not show row values in errors', async () => {
    const { store } = test;
    const error: unknown = await sql`insert into patgate.settings values ('secret-name', null)`
      .execute(store.db)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: '23502' });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret-name');
  });

  it('give milliseconds and integers as they were put in', async () => {
    const { store } = test;
    const row = await sql<{ t: Date; n: number }>`
      select ${new Date(1_700_000_000_123)}::timestamptz(3) as t, 9007199254740991::bigint as n`.execute(
      store.db,
    );
    expect(row.rows).toEqual([{ t: new Date(1_700_000_000_123), n: Number.MAX_SAFE_INTEGER }]);
  });
});
