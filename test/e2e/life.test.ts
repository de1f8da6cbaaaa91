import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { workersOf } from '../support/child.ts';
import { describeWith } from '../support/clients.ts';
import { prepareGround, type TestUser } from '../support/gateway.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { queryOne, withClient } from '../support/query.ts';
import { startTcpRelay } from '../support/tcp-relay.ts';
import { makeDirectory } from '../support/temporary.ts';
import { WireClient } from '../support/wire-client.ts';

/** Polls, for as long as a busy machine may need. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 20 });

const RELOADED = 'reloaded: settings, certificates and engine credentials';
const STARTED_WITH = '[sessions]\nmax_per_user = 5\n';

async function open(gateway: GatewayProcess, user: TestUser, database?: string): Promise<pg.Client> {
  const client = new pg.Client(gateway.clientConfig(user.name, user.password, database));
  // The last words of the gateway are one error, the end of the connection another.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Log lines of one text; only those that were written behind the first `after`. */
function lines(gateway: GatewayProcess, msg: string, after = 0): Record<string, unknown>[] {
  return gateway
    .logged()
    .slice(after)
    .filter((line) => line['msg'] === msg);
}

describe.each(['1', '2'])('SIGHUP, workers = %s', (workers) => {
  let gateway: GatewayProcess;
  let file: string;
  let ada: TestUser;
  let session: pg.Client;

  beforeAll(async () => {
    file = path.join(await makeDirectory(), 'patgate.toml');
    writeFileSync(file, STARTED_WITH);
    gateway = await startGatewayProcess({ config: file, workers });
    ada = await gateway.addUser('ada');
    session = await open(gateway, ada);
  });

  afterAll(async () => {
    await session.end();
    await gateway.stop();
  });

  /** @returns the lines that the log got meanwhile */
  async function reload(toml: string, until: string): Promise<Record<string, unknown>[]> {
    const before = gateway.logged().length;
    writeFileSync(file, toml);
    await gateway.reload();
    await soon(() => lines(gateway, until, before).length).toBeGreaterThan(0);
    return gateway.logged().slice(before);
  }

  const REFUSED = 'configuration not reloaded';

  test('takes over limits and routes, and drops no session', async () => {
    const toml = `[sessions]\nmax_per_user = 2\n[databases]\n"*" = "main"\nshop = "main/${gateway.engine.name}"\n`;
    const log = await reload(toml, RELOADED);
    expect(log.find(({ msg }) => msg === RELOADED)?.['changed']).toEqual([
      'databases',
      'sessions.max_per_user',
    ]);
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    const second = await open(gateway, ada, 'shop');
    expect((await second.query('SELECT current_database() AS name')).rows).toEqual([
      { name: gateway.engine.name },
    ]);
    await expect(open(gateway, ada)).rejects.toMatchObject({ code: '53300' });
    await second.end();
  });

  test('refuses a bad configuration whole, with a line for each problem', async () => {
    await reload(STARTED_WITH, RELOADED);
    const before = gateway.logged().length;
    await reload('nonsense = 1\n[sessions]\nmax_per_user = 1\nmax = "many"\n', REFUSED);
    // They may come one by one.
    await soon(() => lines(gateway, REFUSED, before).map(({ problem }) => problem)).toEqual([
      expect.stringContaining('nonsense') as string,
      expect.stringContaining('sessions.max') as string,
    ]);
    await (await open(gateway, ada)).end();
  });

  test('refuses one whose files cannot be used, whole', async () => {
    await reload(STARTED_WITH, RELOADED);
    const broken = path.join(path.dirname(file), 'broken.pem');
    writeFileSync(broken, 'no certificate');
    const toml = `[sessions]\nmax_per_user = 1\n[tls]\ncert_file = "${broken}"\nkey_file = "${broken}"\n`;
    const log = await reload(toml, REFUSED);
    expect(log.find(({ msg }) => msg === REFUSED)?.['problem']).toContain(broken);
    await (await open(gateway, ada)).end();
  });

  test('says which settings need a restart', async () => {
    const log = await reload(`${STARTED_WITH}[login]\ntoken_users = ["pat"]\n`, RELOADED);
    expect(log).toContainEqual(
      expect.objectContaining({ level: 'warn', setting: 'login.token_users' }) as object,
    );
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

test.each(['1', '2'])(
  'SIGHUP during the start is done once the gateway serves, workers = %s',
  async (workers) => {
    const file = path.join(await makeDirectory(), 'patgate.toml');
    writeFileSync(file, STARTED_WITH);
    const way = await startTcpRelay({ host: '127.0.0.1', port: inject('cluster').port });
    const ground = await prepareGround({ config: file, workers }, { store: (url) => way.through(url) });
    // The start waits for the store, and the store for the test.
    way.silence();
    const gateway = await startGatewayProcess({}, ground, [], async (child) => {
      await soon(() => way.open).toBeGreaterThan(0);
      writeFileSync(file, '[sessions]\nmax_per_user = 2\n');
      child.kill('SIGHUP');
      way.speak();
    });
    try {
      await soon(() => lines(gateway, RELOADED)).toEqual([
        expect.objectContaining({ changed: ['sessions.max_per_user'] }),
      ]);
    } finally {
      await gateway.stop();
      await ground.drop();
      await way.close();
    }
  },
);

describe('SIGTERM', () => {
  let gateway: GatewayProcess;
  let ada: TestUser;

  async function start(settings: Record<string, string>): Promise<void> {
    gateway = await startGatewayProcess(settings);
    ada = await gateway.addUser('ada');
  }

  afterEach(() => gateway.stop());

  const ready = async (): Promise<number> => (await fetch(`${gateway.info.http?.url}/readyz`)).status;

  test.each(['1', '2'])(
    'ends idle sessions with the reason, lets statements and transactions finish, and is not ready meanwhile, workers = %s',
    async (workers) => {
      await start({ 'shutdown.grace': '20s', workers });
      const [idle, busy, writer] = await Promise.all([
        open(gateway, ada),
        open(gateway, ada),
        open(gateway, ada),
      ]);
      const writerEnded = once(writer, 'error') as Promise<[Error & { code: string }]>;
      await writer.query('CREATE TABLE written (n integer)');
      await writer.query('BEGIN');
      await writer.query('INSERT INTO written VALUES (1)');
      const idleEnded = once(idle, 'error') as Promise<[Error & { code: string }]>;
      const busyEnded = once(busy, 'error') as Promise<[Error & { code: string }]>;
      // Ends when the test says so.
      const lock = new pg.Client(gateway.engine.url);
      await lock.connect();
      await lock.query('SELECT pg_advisory_lock(1)');
      const answer = busy.query('SELECT pg_advisory_lock(1), 42 AS answer');
      await soon(() =>
        queryOne(
          gateway.engine.url,
          `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
        ),
      ).toBe(1);
      expect(await ready()).toBe(200);

      const exited = gateway.end('SIGTERM');
      const [reason] = await idleEnded;
      expect(reason).toMatchObject({
        code: '57P01',
        message: expect.stringContaining('shutting down') as string,
      });
      expect(await ready()).toBe(503);
      await expect(open(gateway, ada)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await writer.query('INSERT INTO written VALUES (2)');
      await writer.query('COMMIT');
      expect((await writerEnded)[0]).toMatchObject({ code: '57P01' });
      expect(await queryOne(gateway.engine.url, 'SELECT sum(n)::int FROM written')).toBe(3);
      await lock.end();
      expect((await answer).rows).toEqual([{ pg_advisory_lock: '', answer: 42 }]);
      expect((await busyEnded)[0]).toMatchObject({ code: '57P01' });
      expect(await exited).toBe(0);
    },
  );

  test('cancels what still runs after the grace, and ends transactions that are left open', async () => {
    await start({ 'shutdown.grace': '200ms' });
    const [busy, forgotten] = [await open(gateway, ada), await open(gateway, ada)];
    await forgotten.query('BEGIN');
    const forgottenEnded = once(forgotten, 'error') as Promise<[Error & { code: string }]>;
    const ended = once(busy, 'error');
    const refused = expect(busy.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
    await soon(() =>
      queryOne(gateway.engine.url, `SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'PgSleep'`),
    ).toBe(1);
    const exited = gateway.end('SIGTERM');
    await refused;
    await ended;
    expect((await forgottenEnded)[0]).toMatchObject({ code: '57P01' });
    expect(await exited).toBe(0);
  });

  test.each(['1', '2'])('ends everything at once when it comes twice, workers = %s', async (workers) => {
    await start({ 'shutdown.grace': '10min', workers });
    const busy = await open(gateway, ada);
    const broken = busy.query('SELECT pg_sleep(60)').catch(() => 'broken');
    await soon(() =>
      queryOne(gateway.engine.url, `SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'PgSleep'`),
    ).toBe(1);
    const exited = gateway.end('SIGTERM');
    await soon(() => lines(gateway, 'stopping; once more stops at once').length).toBe(1);
    await gateway.end('SIGTERM');
    expect(await exited).toBe(130);
    expect(await broken).toBe('broken');
  });

  test.each(['1', '2'])('lets nobody in who is about to log in, workers = %s', async (workers) => {
    await start({ workers, 'shutdown.grace': '10min' });
    const busy = await open(gateway, ada);
    await busy.query('BEGIN');
    const client = await WireClient.connect({ port: gateway.port, tls: true });
    client.startup('ada', gateway.engine.name);
    await client.authentication();
    const exited = gateway.end('SIGTERM');
    expect(await client.verdict()).toMatchObject({
      severity: 'FATAL',
      sqlState: '57P03',
      message: 'the gateway is shutting down',
    });
    await busy.query('COMMIT');
    expect(await exited).toBe(0);
    client.destroy();
  });

  test('is the same as SIGINT', async () => {
    await start({});
    const idle = await open(gateway, ada);
    const ended = once(idle, 'error');
    const exited = gateway.end('SIGINT');
    expect(await ended).toMatchObject([{ code: '57P01' }]);
    expect(await exited).toBe(0);
  });

  describeWith('linux', 'to all processes at once', () => {
    // systemd sends it to all of a service, a terminal to all of a job.
    test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
      'ends no worker before its time: %s',
      async (signal) => {
        await start({ workers: '2', 'shutdown.grace': '20s' });
        const [one, other] = await Promise.all([open(gateway, ada), open(gateway, ada)]);
        for (const client of [one, other]) await client.query('BEGIN');
        for (const pid of workersOf(gateway.pid)) process.kill(pid, signal);
        process.kill(gateway.pid, signal);
        const msg = signal === 'SIGHUP' ? RELOADED : 'stopping; once more stops at once';
        await soon(() => lines(gateway, msg).length).toBe(1);
        for (const client of [one, other]) {
          expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
          await client.query('COMMIT');
        }
        if (signal === 'SIGHUP') for (const client of [one, other]) await client.end();
        else expect(await gateway.end('SIGCONT')).toBe(0);
      },
    );
  });

  test('goes on taking clients for shutdown.delay, while it is not ready any more', async () => {
    await start({ 'shutdown.delay': '1s' });
    const readyFiles = () => readdirSync(gateway.dataDir).filter((name) => name.startsWith('ready-'));
    expect(readyFiles()).toHaveLength(1);
    const exited = gateway.end('SIGTERM');
    await soon(ready).toBe(503);
    expect(readyFiles()).toEqual([]);
    await withClient(gateway.clientConfig('ada', ada.password), (client) => client.query('SELECT 1'));
    expect(await exited).toBe(0);
  });
});
