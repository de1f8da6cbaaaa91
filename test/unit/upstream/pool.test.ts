import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EngineSession, Upstream } from '../../../src/upstream/open.ts';
import {
  asAdmin,
  createDatabase,
  createRole,
  dropRole,
  urlAs,
  type TestDatabase,
  type TestRole,
} from '../../support/database.ts';
import type { PoolOptions } from '../../../src/upstream/upstream.ts';
import { answers, ask, greeted, open, principal, send, upstreamOf, type OpenAs } from './support.ts';

let database: TestDatabase;
let role: TestRole;
let reader: TestRole;
let upstream: Upstream;
beforeAll(async () => {
  database = await createDatabase('pool');
  role = await createRole('pool');
  reader = await createRole('reader');
  await asAdmin(`GRANT ${reader.name} TO ${role.name}`);
});
afterAll(async () => {
  await database.drop();
  await dropRole(role);
  await dropRole(reader);
});
beforeEach(async () => {
  upstream = await upstreamOf({ url: urlAs(database.url, role) });
});
afterEach(async () => {
  await upstream.close();
  await expect.poll(backends).toBe(0);
});

/** How many sessions of the role the engine has. */
async function backends(): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = $1',
    [role.name],
  );
  await client.end();
  return rows[0]?.count ?? -1;
}

/** Gives a session back and opens another; waits until the first is idle. */
async function again(session: EngineSession, as: OpenAs = {}): Promise<EngineSession> {
  upstream.giveBack(session, { reusable: true });
  await expect.poll(() => upstream.stats()[0]?.resetting).toBe(0);
  return open(upstream, as);
}

function give(...sessions: readonly EngineSession[]): void {
  for (const session of sessions) upstream.giveBack(session, { reusable: true });
}

describe('a session is lent again', () => {
  it('to the same principal, as the same engine session', async () => {
    const first = await open(upstream);
    const second = await again(first);
    expect(second).toMatchObject({
      fresh: false,
      processId: first.processId,
      cancelKey: first.cancelKey,
      role: role.name,
    });
    expect(second).not.toBe(first);
    expect(second.greeting).toEqual(first.greeting);
    expect(await ask(second, 'SELECT pg_backend_pid()')).toEqual([[String(first.processId)]]);
    expect(upstream.stats()[0]).toMatchObject({ lent: 1, idle: 0, opened: 1, reused: 1, failed: 0 });
    give(second);
  });

  it('as it is when nobody said a word, and after a reset when somebody did', async () => {
    const marked = (session: EngineSession): Promise<unknown> =>
      ask(session, "SELECT current_setting('my.mark', true)");
    const first = await open(upstream);
    await ask(first, "SET my.mark = 'here'");
    upstream.giveBack(first, { reusable: true, untouched: true });
    const second = await open(upstream);
    expect(second.processId).toBe(first.processId);
    expect(await marked(second)).toEqual([['here']]);
    upstream.giveBack(second, { reusable: true, untouched: false });
    const third = await open(upstream);
    expect(third.processId).toBe(first.processId);
    expect(await marked(third)).not.toEqual([['here']]);
    give(third);
  });

  it('after a reset when its query was to be cancelled, though nobody said a word', async () => {
    const first = await open(upstream);
    await ask(first, "SET my.mark = 'here'");
    await upstream.cancel(first);
    upstream.giveBack(first, { reusable: true, untouched: true });
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ resetting: 0, lent: 0 });
    const second = await open(upstream);
    expect(await ask(second, "SELECT current_setting('my.mark', true)")).not.toEqual([['here']]);
    give(second);
  });

  it('while it is being reset, to a login that comes just then', async () => {
    const first = await open(upstream);
    upstream.giveBack(first, { reusable: true });
    const second = await open(upstream);
    expect(second.processId).toBe(first.processId);
    give(second);
  });

  it('once only: what is given back twice counts once', async () => {
    const first = await open(upstream);
    give(first, first);
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 1, lent: 0 });
    const [second, third] = [await open(upstream), await open(upstream)];
    expect(second.processId).not.toBe(third.processId);
    upstream.giveBack(first, { reusable: false });
    expect(await ask(second, 'SELECT 1')).toEqual([['1']]);
    give(second, third);
  });

  it.each<[string, Partial<PoolOptions>]>([
    ['where idle ones are kept', {}],
    ['where none are', { maxIdle: 0 }],
  ])(
    'in a storm of short logins, to those who wait, %s: far fewer are opened than logins come',
    async (_name, pool) => {
      await upstream.close();
      upstream = await upstreamOf({ url: urlAs(database.url, role) }, { pool });
      const served = new Set<number>();
      const login = async (): Promise<void> => {
        const session = await open(upstream);
        served.add(session.processId);
        expect(await ask(session, 'SELECT 1')).toEqual([['1']]);
        upstream.giveBack(session, { reusable: true });
      };
      await Promise.all(Array.from({ length: 100 }, login));
      expect(served.size).toBe(upstream.stats()[0]?.opened);
      expect(served.size).toBeLessThan(50);
    },
  );

  const same: OpenAs = {
    who: principal({ uid: 'one' }),
    parameters: { application_name: 'a', DateStyle: 'German' },
  };

  it.each<[string, OpenAs]>([
    ['another principal', { ...same, who: principal({ uid: 'two' }) }],
    ['another database', { ...same, database: 'postgres' }],
    ['another parameter', { ...same, parameters: { application_name: 'b', DateStyle: 'German' } }],
    ['one parameter less', { ...same, parameters: { application_name: 'a' } }],
    [
      'the parameters in another order',
      { ...same, parameters: { DateStyle: 'German', application_name: 'a' } },
    ],
    [
      'names and values shifted',
      { ...same, parameters: { application_name: 'a\u0001DateStyle', German: '' } },
    ],
  ])('never for %s', async (_what, other) => {
    const first = await open(upstream, same);
    upstream.giveBack(first, { reusable: true });
    await expect.poll(() => upstream.stats()[0]?.idle).toBe(1);
    const second = await open(upstream, other).catch(() => null);
    expect(second?.processId).not.toBe(first.processId);
    if (second !== null) give(second);
    const third = await open(upstream, same);
    expect(third.processId).toBe(first.processId);
    give(third);
  });

  it('never after replication', async () => {
    const engine = await upstreamOf({ url: database.url });
    const session = await open(engine, { parameters: { replication: 'database' } });
    engine.giveBack(session, { reusable: true });
    expect(engine.stats()[0]).toMatchObject({ idle: 0, resetting: 0, lent: 0 });
    await engine.close();
  });

  it('never when its end was not clean', async () => {
    const first = await open(upstream);
    upstream.giveBack(first, { reusable: false });
    const second = await open(upstream);
    expect(second.fresh).toBe(true);
    give(second);
  });

  it('never when re-use is off', async () => {
    const off = await upstreamOf({ url: urlAs(database.url, role) }, { pool: { reuse: 'off' } });
    off.giveBack(await open(off), { reusable: true });
    expect(off.stats()[0]).toMatchObject({ idle: 0, resetting: 0, lent: 0 });
    await off.close();
  });
});

describe('nothing of one login is seen by the next', () => {
  /** What a session can see of its own state, in the words of a fresh one. */
  const STATE = `
    SELECT current_user, session_user, current_schemas(false)::text, current_setting('role'),
           (SELECT count(*) FROM pg_class WHERE relpersistence = 't'), (SELECT count(*) FROM pg_prepared_statements),
           (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM pg_listening_channels()),
           (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
           (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
             WHERE source IN ('session', 'client') OR name IN ('TimeZone', 'DateStyle', 'search_path'))`;

  const TRACES: readonly (readonly [string, string])[] = [
    ['settings', "SET TimeZone = 'Asia/Tokyo'; SET search_path = pg_catalog; SET statement_timeout = '1s'"],
    [
      'settings for transactions',
      'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE',
    ],
    ['a setting by function', "SELECT set_config('DateStyle', 'German', false)"],
    ['its name', "SET application_name = 'was here'"],
    ['its encoding', "SET client_encoding = 'LATIN1'"],
    ['a role', 'SET ROLE @reader'],
    ['no role', 'SET ROLE NONE'],
    ['a session authorization', 'SET SESSION AUTHORIZATION DEFAULT'],
    ['temporary tables', 'CREATE TEMP TABLE secret AS SELECT 1; CREATE TEMP VIEW v AS SELECT * FROM secret'],
    ['prepared statements', 'PREPARE secret AS SELECT 1'],
    ['a cursor', 'BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT'],
    ['channels', "LISTEN secrets; NOTIFY secrets, 'to myself'"],
    ['advisory locks', 'SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2)'],
    ['a sequence', 'CREATE TEMP SEQUENCE s; SELECT nextval($$s$$)'],
  ];

  it.each(TRACES)('%s', async (_what, sql) => {
    const first = await open(upstream);
    const before = await ask(first, STATE);
    for (const statement of sql.replace('@reader', reader.name).split('; ')) await ask(first, statement);
    const second = await again(first);
    expect(second.processId).toBe(first.processId);
    expect(await ask(second, STATE)).toEqual(before);
    expect(second.greeting).toEqual(first.greeting);
    give(second);
  });

  it('start-up parameters and what ALTER ROLE has set are there again', async () => {
    await asAdmin(
      `ALTER ROLE ${role.name} SET work_mem = '77kB'; ALTER ROLE ${role.name} SET role = ${reader.name}`,
    );
    const parameters = { TimeZone: 'Pacific/Chatham', options: '-c statement_timeout=77s' };
    const first = await open(upstream, { parameters });
    const before = await ask(first, STATE);
    expect(before[0]?.slice(0, 2)).toEqual([reader.name, role.name]);
    await ask(first, 'SET ROLE NONE; SET work_mem = DEFAULT; SET TimeZone = UTC; SET statement_timeout = 0');
    const second = await again(first, { parameters });
    expect(second.fresh).toBe(false);
    expect(await ask(second, STATE)).toEqual(before);
    give(second);
    await asAdmin(`ALTER ROLE ${role.name} RESET ALL`);
  });

  it('a parameter that changed for good is reported as a fresh session would', async () => {
    const first = await open(upstream);
    try {
      await asAdmin("ALTER SYSTEM SET TimeZone = 'Asia/Kathmandu'");
      await asAdmin('SELECT pg_reload_conf()');
      await expect.poll(() => ask(first, 'SHOW TimeZone')).toEqual([['Asia/Kathmandu']]);
      const second = await again(first);
      expect(second.fresh).toBe(false);
      expect((await greeted(second.greeting)).get('TimeZone')).toBe('Asia/Kathmandu');
      const fresh = await open(upstream, { who: principal({ uid: 'somebody else' }) });
      expect(second.greeting).toEqual(fresh.greeting);
      give(second, fresh);
    } finally {
      await asAdmin('ALTER SYSTEM RESET TimeZone');
      await asAdmin('SELECT pg_reload_conf()');
    }
  });
});

describe('a session that is not what it should be is not lent again', () => {
  async function nextIsFresh(first: EngineSession): Promise<void> {
    upstream.giveBack(first, { reusable: true });
    const second = await open(upstream);
    expect(second.processId).not.toBe(first.processId);
    expect(await ask(second, 'SELECT 1')).toEqual([['1']]);
    give(second);
  }

  it('when it is inside a transaction after all', async () => {
    const first = await open(upstream);
    await ask(first, 'BEGIN');
    await nextIsFresh(first);
  });

  it('when a query of its client is still running', async () => {
    const first = await open(upstream);
    send(first, 'SELECT pg_sleep(0.01)');
    await nextIsFresh(first);
  });

  it('when the engine has ended it', async () => {
    const first = await open(upstream);
    await asAdmin(`SELECT pg_terminate_backend(${first.processId})`);
    await nextIsFresh(first);
  });

  it('when the engine ends it while it is idle', async () => {
    const first = await open(upstream);
    upstream.giveBack(first, { reusable: true });
    await expect.poll(() => upstream.stats()[0]?.idle).toBe(1);
    await asAdmin(`SELECT pg_terminate_backend(${first.processId})`);
    await expect.poll(() => upstream.stats()[0]?.idle).toBe(0);
    const second = await open(upstream);
    expect(second.fresh).toBe(true);
    give(second);
  });

  it('when the engine was read anew', async () => {
    const lent = await open(upstream);
    const idle = await open(upstream);
    upstream.giveBack(idle, { reusable: true });
    await expect.poll(() => upstream.stats()[0]?.idle).toBe(1);
    await upstream.reload();
    expect(upstream.stats()[0]?.idle).toBe(0);
    await nextIsFresh(lent);
  });

  it('when its principal is forgotten', async () => {
    const [ada, bob] = [principal({ uid: 'ada' }), principal({ uid: 'bob' })];
    give(await open(upstream, { who: ada }), await open(upstream, { who: bob }));
    await expect.poll(() => upstream.stats()[0]?.idle).toBe(2);
    upstream.forget('ada');
    expect(upstream.stats()[0]?.idle).toBe(1);
    const [first, second] = [await open(upstream, { who: ada }), await open(upstream, { who: bob })];
    expect([first.fresh, second.fresh]).toEqual([true, false]);
    give(first, second);
  });
});

describe('how many are kept', () => {
  it('is bounded for a key and in all; the one idle longest goes first', async () => {
    await upstream.close();
    upstream = await upstreamOf(
      { url: urlAs(database.url, role) },
      { pool: { maxIdlePerKey: 2, maxIdle: 3 } },
    );
    const [ada, bob] = [principal({ uid: 'ada' }), principal({ uid: 'bob' })];
    const adas = await Promise.all([1, 2, 3].map(() => open(upstream, { who: ada })));
    const bobs = await Promise.all([1, 2].map(() => open(upstream, { who: bob })));
    for (const session of adas) {
      upstream.giveBack(session, { reusable: true });
      await expect.poll(() => upstream.stats()[0]?.resetting).toBe(0);
    }
    expect(upstream.stats()[0]?.idle).toBe(2);
    for (const session of bobs) {
      upstream.giveBack(session, { reusable: true });
      await expect.poll(() => upstream.stats()[0]?.resetting).toBe(0);
    }
    expect(upstream.stats()[0]?.idle).toBe(3);
    await expect.poll(backends).toBe(3);
    const left = await open(upstream, { who: ada });
    expect(left.processId).toBe(adas[1]?.processId);
    give(left);
  });

  it('and for how long, by time idle and by age', async () => {
    await upstream.close();
    const pool = { idleTimeoutMs: 50, maxAgeMs: 3_600_000 };
    upstream = await upstreamOf({ url: urlAs(database.url, role) }, { pool });
    give(await open(upstream));
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 0, resetting: 0 });
    await expect.poll(backends).toBe(0);
    const young = await upstreamOf({ url: urlAs(database.url, role) }, { pool: { maxAgeMs: -1 } });
    young.giveBack(await open(young), { reusable: true });
    expect(young.stats()[0]).toMatchObject({ idle: 0, resetting: 0 });
    await young.close();
  });

  it('includes spares for whoever logs in again and again', async () => {
    await upstream.close();
    upstream = await upstreamOf({ url: urlAs(database.url, role) }, { pool: { warmSpares: 1 } });
    const sessions = [await open(upstream), await open(upstream), await open(upstream)];
    expect(upstream.stats()[0]).toMatchObject({ opened: 3, idle: 0 });
    sessions.push(await open(upstream));
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ opened: 5, idle: 1 });
    const spare = await open(upstream);
    expect(spare.fresh).toBe(false);
    expect(await ask(spare, 'SELECT 1')).toEqual([['1']]);
    give(...sessions, spare);
  });

  it('is nothing once the gateway closes, whatever is under way', async () => {
    const lent = await open(upstream);
    upstream.giveBack(await open(upstream, { who: principal({ uid: 'x' }) }), { reusable: true });
    await upstream.close();
    expect(upstream.stats()[0]).toMatchObject({ idle: 0, resetting: 0, lent: 1 });
    await expect(open(upstream)).rejects.toMatchObject({ code: 'session.draining' });
    expect(await ask(lent, 'SELECT 1')).toEqual([['1']]);
    give(lent);
    await expect.poll(backends).toBe(0);
  });
});

describe('a cancel request', () => {
  async function cancelled(session: EngineSession): Promise<string> {
    return answers(session, () => undefined).then(
      () => 'finished',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );
  }

  async function sleeping(session: EngineSession): Promise<void> {
    send(session, 'SELECT pg_sleep(60)');
    await expect.poll(() => activity(session)).toBe('active');
  }

  async function activity(session: EngineSession): Promise<string | undefined> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<{ state: string }>(
      'SELECT state FROM pg_stat_activity WHERE pid = $1',
      [session.processId],
    );
    await client.end();
    return rows[0]?.state;
  }

  it('ends what the session runs, and the session can be lent again', async () => {
    const first = await open(upstream);
    await sleeping(first);
    await upstream.cancel(first);
    expect(await cancelled(first)).toBe('57014');
    const second = await again(first);
    expect(second.processId).toBe(first.processId);
    expect(upstream.stats()[0]?.cancels).toBe(1);
    give(second);
  });

  it('for a loan that is over reaches nobody', async () => {
    const first = await open(upstream);
    const second = await again(first);
    expect(second.processId).toBe(first.processId);
    await sleeping(second);
    await upstream.cancel(first);
    expect(await activity(second)).toBe('active');
    expect(upstream.stats()[0]?.cancels).toBe(0);
    await upstream.cancel(second);
    expect(await cancelled(second)).toBe('57014');
    give(second);
  });

  it('that is under way when the session is given back never hits the next loan', async () => {
    for (let round = 0; round < 20; round += 1) {
      const first = await open(upstream);
      const cancel = upstream.cancel(first);
      upstream.giveBack(first, { reusable: true });
      const second = await open(upstream);
      expect(await ask(second, 'SELECT pg_sleep(0.005)')).toHaveLength(1);
      await cancel;
      give(second);
    }
  });
});
