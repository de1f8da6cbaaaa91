import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
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

async function metric(gateway: GatewayProcess, sample: string): Promise<number> {
  const metrics = await (await fetch(`${gateway.info.metrics?.url ?? ''}/metrics`)).text();
  return Number(
    metrics
      .split('\n')
      .find((line) => line.startsWith(`${sample} `))
      ?.slice(sample.length),
  );
}

describe.skipIf(process.platform !== 'linux')('file descriptors', () => {
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
    const flood = await Promise.all(
      [gateway.port, portOf(gateway.info.http?.url), portOf(gateway.info.metrics?.url)].flatMap((port) =>
        Array.from({ length: 200 }, () => open(port)),
      ),
    );
    expect(descriptors(gateway).length).toBeLessThan(LIMIT - 8);
    expect((await running.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await eventually(async () => (await login(gateway, ada)).end());
    await eventually(async () => {
      expect((await fetch(`${gateway.info.http?.url ?? ''}/healthz`)).status).toBe(200);
    });
    const refused = await eventually(() =>
      metric(gateway, 'patgate_connections_refused_total{listener="postgres",reason="pending"}'),
    );
    expect(refused).toBeGreaterThan(50);
    expect(
      await metric(gateway, 'patgate_connections_refused_total{listener="http",reason="connections"}'),
    ).toBeGreaterThan(50);
    expect(logged(gateway, 'file descriptors run out: new connections are closed')).toBe(0);
    for (const socket of flood) socket.destroy();
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
