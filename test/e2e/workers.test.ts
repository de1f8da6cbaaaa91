import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { isAlive } from '../../src/embedded/process.ts';
import { sendCancel } from '../support/cancel.ts';
import { prepareGround, type TestUser } from '../support/gateway.ts';
import { runPatgate, startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { queryOne, withClient } from '../support/query.ts';

const ACTOR = systemActor('workers test');

/** Polls, for as long as a busy machine may need. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 20 });

interface Listed {
  readonly sid: string;
  readonly user: string;
  readonly processId: number;
}

async function open(gateway: GatewayProcess, user: string, secret: string): Promise<pg.Client> {
  const client = new pg.Client(gateway.clientConfig(user, secret));
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

function openAll(gateway: GatewayProcess, { name, password }: TestUser, count: number): Promise<pg.Client[]> {
  return Promise.all(Array.from({ length: count }, () => open(gateway, name, password)));
}

async function sessions(gateway: GatewayProcess): Promise<readonly Listed[]> {
  const { stdout, stderr } = await gateway.cli(['session', 'list', '-o', 'json']);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Listed[];
}

/** How many sessions each process has, by process id. */
async function spread(gateway: GatewayProcess): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  for (const { processId } of await sessions(gateway))
    counts.set(processId, (counts.get(processId) ?? 0) + 1);
  return counts;
}

/** Value of a metric without labels, or the sum over its labels. */
async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.info.metrics?.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

const ended = (client: pg.Client): Promise<void> =>
  new Promise<void>((resolve) => client.on('end', () => resolve()));

describe('two workers', () => {
  let gateway: GatewayProcess;
  let ada: TestUser;

  beforeAll(async () => {
    gateway = await startGatewayProcess({ workers: '2', 'tls.mode': 'prefer' });
    ada = await gateway.addUser('ada');
  });

  afterAll(() => gateway.stop());

  test('share the sessions evenly; listings, metrics and the log tell of both', async () => {
    const clients = await openAll(gateway, ada, 10);
    await soon(() => spread(gateway).then((map) => [...map.values()])).toEqual([5, 5]);
    expect([...(await spread(gateway)).keys()]).not.toContain(gateway.pid);
    expect(await metric(gateway, 'patgate_sessions')).toBe(10);
    expect(await metric(gateway, 'patgate_workers')).toBe(2);
    expect(await metric(gateway, 'patgate_logins_total')).toBe(10);
    const logins = gateway.logged().filter(({ msg }) => msg === 'login');
    expect(new Set(logins.map(({ worker }) => worker))).toEqual(new Set([1, 2]));
    await Promise.all(clients.map((client) => client.end()));
    await soon(() => metric(gateway, 'patgate_sessions')).toBe(0);
  });

  test.each([true, false])('carry bulk both ways to the byte, TLS: %s', async (tls) => {
    const verified = gateway.clientConfig(ada.name, ada.password);
    await withClient(tls ? verified : { ...verified, ssl: false }, async (client) => {
      const text = randomBytes(8_000_000).toString('hex');
      const { rows } = await client.query<{ text: string }>('SELECT $1 || $1 AS text', [text]);
      expect(rows[0]?.text === text + text).toBe(true);
    });
  });

  test('end sessions that are killed or whose token is revoked, wherever they run', async () => {
    const { tid, token } = await gateway.issueToken(ada);
    const clients = await Promise.all(Array.from({ length: 4 }, () => open(gateway, '$token', token)));
    await soon(async () => (await spread(gateway)).size).toBe(2);
    const since = performance.now();
    const allEnded = Promise.all(clients.map(ended));
    await gateway.services.tokens.revoke(ACTOR, tid);
    await allEnded;
    expect(performance.now() - since).toBeLessThan(2000);

    const others = await openAll(gateway, ada, 4);
    await soon(async () => (await sessions(gateway)).filter(({ user }) => user === 'ada').length).toBe(4);
    const othersEnded = Promise.all(others.map(ended));
    expect((await gateway.cli(['session', 'kill', '--user', 'ada'])).code).toBe(0);
    await othersEnded;
  });

  test('pass cancel requests to the one that has the session', async () => {
    const clients = await openAll(gateway, ada, 2);
    const canceller = async (client: pg.Client): Promise<void> => {
      const refused = expect(client.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
      const { processID } = client as unknown as { processID: number };
      await soon(() =>
        queryOne(gateway.engine.url, `SELECT wait_event FROM pg_stat_activity WHERE pid = ${processID}`),
      ).toBe('PgSleep');
      const { secretKey } = client as unknown as { secretKey: number };
      await sendCancel(gateway, false, processID, secretKey);
      await refused;
    };
    // Requests go to the workers in turn: of two for one session, one lands on the other worker.
    for (const client of [clients[0], clients[0], clients[1], clients[1]]) {
      if (client !== undefined) await canceller(client);
    }
    const unknown = gateway
      .logged()
      .filter(({ msg }) => msg === 'cancel request with a key of no session here');
    expect(unknown).toEqual([]);
    await Promise.all(clients.map((client) => client.end()));
  });

  test('are replaced when they die, at the cost of their own sessions only', async () => {
    const clients = await openAll(gateway, ada, 4);
    await soon(async () => (await spread(gateway)).size).toBe(2);
    const counted = await metric(gateway, 'patgate_logins_total');
    const [victim = 0] = (await spread(gateway)).keys();
    const ends = clients.map(() => false);
    clients.forEach((client, index) => client.on('end', () => (ends[index] = true)));
    process.kill(victim, 'SIGKILL');
    await soon(() => ends.filter(Boolean).length).toBe(2);
    await soon(() => gateway.logged().some(({ msg }) => msg === 'a new worker serves')).toBe(true);
    expect(gateway.logged().filter(({ msg }) => msg === 'a worker is gone, with its sessions')).toEqual([
      expect.objectContaining({ level: 'error', pid: victim, how: 'SIGKILL' }) as object,
    ]);
    expect(await metric(gateway, 'patgate_workers_gone_total')).toBe(1);
    expect(await metric(gateway, 'patgate_workers')).toBe(2);
    // A counter never sinks.
    expect(await metric(gateway, 'patgate_logins_total')).toBe(counted);
    const more = await openAll(gateway, ada, 6);
    await soon(() => spread(gateway).then((counts) => [...counts.values()])).toEqual([4, 4]);
    expect([...(await spread(gateway)).keys()]).not.toContain(victim);
    const rest = clients.filter((_, index) => ends[index] === false);
    for (const client of [...rest, ...more]) await client.end();
    expect(rest.length).toBe(2);
  });
});

test('workers end, and their sessions, when the process that listens is killed', async () => {
  const gateway = await startGatewayProcess({ workers: '2' });
  try {
    const clients = await openAll(gateway, await gateway.addUser('ada'), 4);
    await soon(async () => (await spread(gateway)).size).toBe(2);
    const workers = [...(await spread(gateway)).keys()];
    const sessionsEnded = Promise.all(clients.map(ended));
    process.kill(gateway.pid, 'SIGKILL');
    await sessionsEnded;
    await soon(() => workers.filter((pid) => isAlive(pid))).toEqual([]);
  } finally {
    await gateway.stop();
  }
});

describe.each(['1', '2'])('limits, workers = %s', (workers) => {
  let gateway: GatewayProcess;

  beforeAll(async () => {
    gateway = await startGatewayProcess({
      workers,
      'sessions.max': '6',
      'sessions.max_per_user': '5',
      'login.throttle_free': '3',
      'login.throttle_first_wait': '10min',
      'login.throttle_longest_wait': '10min',
      'login.max_pending_per_address': '8',
      'login.first_byte_timeout': '30s',
    });
  });

  afterAll(() => gateway.stop());

  test('of sessions hold over all workers, and places are given back', async () => {
    const [ada, bob] = [await gateway.addUser('ada'), await gateway.addUser('bob')];
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => open(gateway, ada.name, ada.password)),
    );
    const refused = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as Error] : [],
    );
    const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(opened.length).toBe(5);
    expect(refused.map(({ message }) => message)).toEqual(
      Array.from({ length: 3 }, () => 'too many connections for user "ada" (sessions.max_per_user)'),
    );
    const sixth = await open(gateway, bob.name, bob.password);
    await expect(open(gateway, bob.name, bob.password)).rejects.toMatchObject({
      code: '53300',
      message: 'sorry, too many clients already',
    });
    await sixth.end();
    await soon(() => metric(gateway, 'patgate_sessions')).toBe(5);
    await (await open(gateway, bob.name, bob.password)).end();
    for (const client of opened) await client.end();
  });

  test('of connections that have not logged in make room for those who do', async () => {
    const dora = await gateway.addUser('dora');
    const silent = Array.from({ length: 8 }, () => connect({ port: gateway.port, host: '127.0.0.1' }));
    const gone = Promise.race(silent.map((socket) => once(socket, 'close')));
    await Promise.all(silent.map((socket) => once(socket.resume(), 'connect')));
    await soon(() =>
      open(gateway, dora.name, dora.password).then((client) => client.end().then(() => 'in')),
    ).toBe('in');
    await gone;
    for (const socket of silent) socket.destroy();
  });

  test('of guesses do not grow with the workers', async () => {
    const eve = await gateway.addUser('eve');
    const codes: unknown[] = [];
    for (let guess = 0; guess < 8; guess++) {
      await open(gateway, eve.name, `guess ${guess}`).catch((error: unknown) =>
        codes.push((error as { code: string }).code),
      );
    }
    // Over SCRAM no two wrong secrets can be told apart; the fourth is the first that is not free.
    expect(codes).toEqual([...Array<string>(4).fill('28P01'), ...Array<string>(4).fill('53300')]);
  });
});

test.each(['1', '2'])(
  'a port that is taken is told once, with exit code 1, workers = %s',
  async (workers) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const ground = await prepareGround({
      workers,
      'listen.postgres': `127.0.0.1:${port}`,
      'log.level': 'error',
    });
    try {
      const { code, stdout, stderr } = await runPatgate(['serve'], ground.environment);
      expect({ code, stdout, stderr }).toEqual({
        code: 1,
        stdout: '',
        stderr: `patgate: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`,
      });
    } finally {
      taken.close();
      await ground.drop();
    }
  },
);
