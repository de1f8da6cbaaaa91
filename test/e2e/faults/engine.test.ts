import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemActor } from '../../../src/accounts/actor.ts';
import { describeWith } from '../../support/clients.ts';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import { asAdmin } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { promised } from '../../support/faults-page.ts';
import { prepareGround, startGateway, type TestGateway, type TestUser } from '../../support/gateway.ts';
import { queryOne } from '../../support/query.ts';
import { openSession, ping } from '../../support/session.ts';
import { startTcpRelay, type TcpRelay } from '../../support/tcp-relay.ts';

const ADMIN = systemActor('fault test');
const NOT_AVAILABLE = promised('refuses', '57P03');
const GONE = promised('gone without a word: killed, cut off, reset', '57P02');
const CRASHED = promised('crashed, or stopped at once', '57P02');
/** PostgreSQL's own words are passed on. */
const TERMINATED = promised('ends the session itself: stopped, terminated', '57P01');

/** What people see when their engine, and only the engine, is in trouble. */
describe('when the engine', () => {
  let cluster: TestCluster;
  let network: TcpRelay;
  let gateway: TestGateway;
  let ada: TestUser;

  beforeAll(async () => {
    cluster = await startCluster();
    network = await startTcpRelay({ host: cluster.host, port: cluster.port });
    const url = `${network.through(cluster.url())}?sslmode=disable&connect_timeout=1`;
    const ground = await prepareGround({}, { engine: () => url });
    gateway = await startGateway({}, ground);
    ada = await gateway.addUser('ada');
  });
  afterEach(async () => {
    network.speak();
    await network.accept();
  });
  afterAll(async () => {
    await gateway.stop();
    await network.close();
    await cluster.drop();
  });

  const open = () => openSession(gateway.clientConfig('ada', ada.password, 'postgres'));
  const outcomeOf = (work: Promise<unknown>) =>
    work.then(
      () => ({ code: 'none', message: '' }),
      (error: unknown) => error as { code: string; message: string },
    );

  it('refuses, a login is told so, and the next one after it is back works', async () => {
    await network.refuse();
    await expect(open()).rejects.toMatchObject(NOT_AVAILABLE);
    await network.accept();
    const { client } = await open();
    expect(await ping(client)).toBe(1);
    await client.end();
  });

  it('takes the connection and is silent, a login is told so in time', async () => {
    network.silence();
    const before = performance.now();
    await expect(open()).rejects.toMatchObject(promised('takes the connection and is silent', '57P03'));
    expect(performance.now() - before).toBeLessThan(5000);
  });

  it.each([
    ['is cut off while a session is idle', null],
    ['is cut off while a statement runs', 'select pg_sleep(60)'],
  ])('%s: its last words are said for it', async (_when, statement) => {
    const { client, ended } = await open();
    const outcome = statement === null ? ended : outcomeOf(client.query(statement));
    if (statement !== null) await running(statement);
    network.cut();
    expect(await outcome).toMatchObject(GONE);
    await eventually(async () => {
      const rows = await gateway.services.audit.list({ action: 'session.close', limit: 1 });
      expect(rows[0]?.reason).toBe('engine.lost');
    });
  });

  it('has a session ended by its administrator: the client gets the words of the engine', async () => {
    const [idle, busy] = [await open(), await open()];
    const pids = [await queryPid(idle.client), await queryPid(busy.client)];
    const outcome = outcomeOf(busy.client.query('select pg_sleep(60)'));
    for (const pid of pids) await asAdmin(`select pg_terminate_backend(${pid})`, cluster.url());
    const told = { ...TERMINATED, message: 'terminating connection due to administrator command' };
    expect(await idle.ended).toMatchObject(told);
    expect(await outcome).toMatchObject(told);
  });

  it('loses one process to a kill: that session and the others are told', async () => {
    const [killed, other] = [await open(), await open()];
    const warnings: (string | undefined)[] = [];
    other.client.on('notice', ({ message }) => warnings.push(message));
    const pid = await queryPid(killed.client);
    const outcome = outcomeOf(killed.client.query('select pg_sleep(60)'));
    process.kill(pid, 'SIGKILL');
    expect(await outcome).toMatchObject(GONE);
    // It may have spoiled shared memory.
    expect(await other.ended).toMatchObject(CRASHED);
    expect(warnings).toEqual(['terminating connection because of crash of another server process']);
    await eventually(async () => (await open()).client.end());
  });

  it('stops at once and starts again: no login gets a session of before', async () => {
    const { client, ended } = await open();
    const outcome = outcomeOf(client.query('select pg_sleep(60)'));
    const idle = await open();
    await idle.client.end();
    await cluster.halt('immediate');
    expect(await outcome).toMatchObject(CRASHED);
    await ended;
    await expect(open()).rejects.toMatchObject(NOT_AVAILABLE);
    await cluster.start();
    const after = await open();
    expect(await ping(after.client)).toBe(1);
    await after.client.end();
  });

  it('is silent in mid-session: the session can still be ended by an administrator', async () => {
    const { tid, token } = await gateway.issueToken(ada, { label: 'report' });
    const { client } = await openSession(gateway.clientConfig('ada', token, 'postgres'));
    const outcome = outcomeOf(client.query('select pg_sleep(60)'));
    network.silence();
    const before = performance.now();
    await gateway.services.tokens.revoke(ADMIN, tid, 'lost');
    expect(await outcome).toMatchObject({
      code: '57P01',
      message: expect.stringContaining('revoked (lost)') as string,
    });
    expect(performance.now() - before).toBeLessThan(4000);
  });

  it('is cut off in the middle of a message: nothing is put into it', async () => {
    const { client } = await open();
    network.watch((chunk) => (chunk.length > 20_000 ? 'cut' : 'pass'));
    const outcome = outcomeOf(client.query("select repeat('x', 50000000)"));
    expect((await outcome).code).not.toBe('57P02');
    network.watch(null);
  });

  describeWith('linux', 'and its clients are silent', () => {
    it('the kernel is asked whether they are still there', async () => {
      const { client } = await open();
      await ping(client);
      const own = (client as unknown as { connection: { stream: { localPort: number } } }).connection.stream;
      await eventually(() => {
        const [timer, seconds] = kernelTimer(gateway.port, own.localPort);
        expect(timer).toBe('keepalive');
        expect(seconds).toBeLessThanOrEqual(60);
      });
      await client.end();
    });
  });

  async function running(statement: string): Promise<void> {
    const sql = `select count(*)::int from pg_stat_activity where query = '${statement}' and state = 'active'`;
    await eventually(async () => expect(await queryOne(cluster.url(), sql)).toBe(1));
  }
});

async function queryPid(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

/** Which timer the kernel keeps for a connection, and its seconds: proc_net_tcp.txt, `tr` and `tm->when`. */
function kernelTimer(localPort: number, remotePort: number): readonly [string, number] {
  const hex = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(hex(localPort)) && remote?.endsWith(hex(remotePort)));
  const [kind, when] = line?.[5]?.split(':') ?? [];
  return [kind === '02' ? 'keepalive' : `timer ${kind ?? 'unknown'}`, parseInt(when ?? '0', 16) / 100];
}
