import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { describeWith } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import type { TestUser } from '../support/gateway.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';

const LIMIT = 400;

async function login(gateway: GatewayProcess, { name, password }: TestUser): Promise<pg.Client> {
  const client = new pg.Client(gateway.clientConfig(name, password));
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const portOf = (url: string | undefined): number => Number(new URL(url ?? '').port);

const logged = (gateway: GatewayProcess, message: string): number =>
  gateway.logged().filter(({ msg }) => msg === message).length;

function descriptors(gateway: GatewayProcess): readonly number[] {
  return readdirSync(`/proc/${gateway.pid}/fd`).map(Number);
}

/** Leaves a process so many descriptors beyond those that it has; null: as many as it had at first. */
function leaveTo(pid: number, more: number | null): void {
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let lowestFree = 0;
  while (used.has(lowestFree)) lowestFree += 1;
  const limit = more === null ? LIMIT : lowestFree + more;
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:${LIMIT}`]);
}

async function metric(gateway: GatewayProcess, sample: string): Promise<number> {
  const metrics = await (await fetch(`${gateway.info.metrics?.url ?? ''}/metrics`)).text();
  return Number(
    metrics
      .split('\n')
      .find((line) => line.startsWith(`${sample} `))
      ?.slice(sample.length),
  );
}

describeWith('linux', 'file descriptors', () => {
  let gateway: GatewayProcess;
  let ada: TestUser;

  beforeAll(async () => {
    const wrap = ['prlimit', `--nofile=${LIMIT}:${LIMIT}`, '--'];
    gateway = await startGatewayProcess(
      { 'log.level': 'info', 'login.first_byte_timeout': '60s' },
      undefined,
      wrap,
    );
    ada = await gateway.addUser('ada');
  });

  afterAll(() => gateway.stop());

  test('more connections than there are descriptors for: who has a session keeps it, who comes gets in', async () => {
    const running = await login(gateway, ada);
    const httpPort = portOf(gateway.info.http?.url);
    const flood = await Promise.all(
      [gateway.port, httpPort, portOf(gateway.info.metrics?.url)].flatMap((port) =>
        Array.from({ length: 200 }, async () => ({ port, socket: await open(port) })),
      ),
    );
    for (const { socket } of flood) socket.resume();
    expect(descriptors(gateway).length).toBeLessThan(LIMIT - 8);
    expect((await running.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await eventually(async () => (await login(gateway, ada)).end());
    await eventually(async () => {
      expect((await fetch(`${gateway.info.http?.url ?? ''}/healthz`)).status).toBe(200);
    });
    // Refused as they come, or put out for others when they had held their places for a second.
    for (const to of [gateway.port, httpPort]) {
      const ended = (): number => flood.filter(({ port, socket }) => port === to && socket.closed).length;
      await eventually(() => expect(ended()).toBeGreaterThan(50));
    }
    expect(logged(gateway, 'file descriptors run out: new connections are closed')).toBe(0);
    for (const { socket } of flood) socket.destroy();
    await running.end();
  });

  test('something else takes them: sessions are refused, then connections closed; all is well when they are back', async () => {
    const limitTo = (limit: number): unknown =>
      execFileSync('prlimit', ['--pid', String(gateway.pid), `--nofile=${limit}:${LIMIT}`]);
    const running = await login(gateway, ada);
    const goesOn = async (): Promise<void> => {
      expect((await running.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    };
    const [lowestFree = 0] = await eventually(() => {
      const used = new Set(descriptors(gateway));
      const free = Array.from({ length: LIMIT }, (_, fd) => fd).filter((fd) => !used.has(fd));
      // All that the earlier test had is closed.
      expect(used.size).toBeLessThan(60);
      return free;
    });

    limitTo(lowestFree + 14);
    await eventually(() =>
      expect(logged(gateway, 'file descriptors run out: new sessions are refused')).toBe(1),
    );
    await expect(login(gateway, ada)).rejects.toMatchObject({ code: '53300' });
    expect(await metric(gateway, 'patgate_descriptor_shortage')).toBe(1);
    await goesOn();

    // accept() itself fails.
    limitTo(lowestFree);
    expect(await text(await open(gateway.port))).toBe('');
    const closed = 'file descriptors run out: new connections are closed';
    await eventually(() => expect(logged(gateway, closed)).toBe(1));
    for (const port of [gateway.port, portOf(gateway.info.http?.url), portOf(gateway.info.metrics?.url)]) {
      for (let n = 0; n < 5; n++) expect(await text(await open(port))).toBe('');
    }
    await goesOn();

    limitTo(LIMIT);
    await eventually(() => expect(logged(gateway, 'file descriptors are enough again')).toBe(1));
    await (await login(gateway, ada)).end();
    expect((await fetch(`${gateway.info.http?.url ?? ''}/readyz`)).status).toBe(200);
    expect(await metric(gateway, 'patgate_descriptors_exhausted_total')).toBeGreaterThan(0);
    expect(await metric(gateway, 'patgate_descriptor_shortage')).toBe(0);
    for (const listener of ['postgres', 'http', 'metrics']) {
      const sample = `patgate_connections_refused_total{listener="${listener}",reason="descriptors"}`;
      expect(await metric(gateway, sample)).toBeGreaterThan(3);
    }
    await goesOn();
    await running.end();
  });
});

describeWith('linux', 'file descriptors, workers = 2', () => {
  let gateway: GatewayProcess;
  let ada: TestUser;
  let workers: readonly number[];
  let running: readonly pg.Client[];

  beforeAll(async () => {
    const wrap = ['prlimit', `--nofile=${LIMIT}:${LIMIT}`, '--'];
    gateway = await startGatewayProcess({ workers: '2', 'log.level': 'info' }, undefined, wrap);
    ada = await gateway.addUser('ada');
    workers = readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number);
    // One with each worker.
    running = [await login(gateway, ada), await login(gateway, ada)];
  });

  afterAll(async () => {
    await Promise.all(running.map((client) => client.end()));
    await gateway.stop();
  });

  const allGoOn = async (): Promise<void> => {
    for (const client of running) expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  };
  const outcome = (): Promise<string> =>
    login(gateway, ada).then(
      (client) => client.end().then(() => 'in'),
      (error: unknown) => (error as { code?: string }).code ?? 'closed',
    );
  /** Of several logins, one after the other, which go to the workers in turn. */
  const outcomes = async (): Promise<ReadonlySet<string>> => {
    const seen = new Set<string>();
    for (let n = 0; n < 6; n++) seen.add(await outcome());
    return seen;
  };
  const areIn = (expected: string) =>
    eventually(async () => expect(await outcomes()).toEqual(new Set([expected])));
  /** How many sessions each worker has. */
  const spread = async (): Promise<readonly number[]> => {
    const { stdout } = await gateway.cli(['session', 'list', '-o', 'json']);
    const listed = JSON.parse(stdout) as readonly { processId: number }[];
    return workers.map((pid) => listed.filter(({ processId }) => processId === pid).length);
  };

  test('run out in one worker: the other serves; where no other has room it refuses, then closes; all is well when they are back', async () => {
    const [short = 0, other = 0] = workers;
    const isShort = (message: string, times = 1) =>
      eventually(() => expect(logged(gateway, message)).toBe(times));
    leaveTo(short, 14);
    await isShort('file descriptors run out: new sessions are refused');
    await areIn('in');
    for (let n = 0; n < 3; n++) expect(await outcomes()).toEqual(new Set(['in']));
    const more = [await login(gateway, ada), await login(gateway, ada)];
    await eventually(async () => expect(await spread()).toEqual([1, 3]));
    expect(await metric(gateway, 'patgate_descriptor_shortage')).toBe(1);

    // Both are short, the first one more.
    leaveTo(other, 14);
    await isShort('file descriptors run out: new sessions are refused', 2);
    await areIn('53300');
    leaveTo(short, 0);
    await isShort('file descriptors run out: new connections are closed');
    expect(await outcomes()).toEqual(new Set(['53300']));
    expect(await metric(gateway, 'patgate_descriptor_shortage')).toBe(2);
    await allGoOn();

    // Not even a connection that is handed over finds one.
    leaveTo(other, 0);
    await isShort('file descriptors run out: new connections are closed', 2);
    const seen = await outcomes();
    expect(seen).not.toContain('in');
    expect(seen).not.toContain('53300');
    await allGoOn();

    leaveTo(short, null);
    await isShort('file descriptors are enough again');
    await areIn('in');
    leaveTo(other, null);
    await isShort('file descriptors are enough again', 2);
    await areIn('in');
    await eventually(async () => expect(await spread()).toEqual([1, 3]));
    // The first one draws those who come until both have the same.
    more.push(await login(gateway, ada), await login(gateway, ada));
    await eventually(async () => expect(await spread()).toEqual([3, 3]));
    expect(await metric(gateway, 'patgate_workers_gone_total')).toBe(0);
    await Promise.all(more.map((client) => client.end()));
    await allGoOn();
  });

  test('run out in the process that listens: connections are closed, sessions go on, all is well when they are back', async () => {
    const ends = logged(gateway, 'file descriptors are enough again');
    leaveTo(gateway.pid, 0);
    const refused = 'file descriptors run out: new connections are closed';
    const before = logged(gateway, refused);
    expect(await text(await open(gateway.port))).toBe('');
    await eventually(() => expect(logged(gateway, refused)).toBe(before + 1));
    for (let n = 0; n < 5; n++) expect(await text(await open(gateway.port))).toBe('');
    await allGoOn();

    leaveTo(gateway.pid, null);
    await eventually(() => expect(logged(gateway, 'file descriptors are enough again')).toBe(ends + 1));
    await areIn('in');
    const sample = 'patgate_connections_refused_total{listener="postgres",reason="descriptors"}';
    expect(await metric(gateway, sample)).toBeGreaterThan(3);
    await allGoOn();
  });
});
