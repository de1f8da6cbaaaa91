import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { Hono } from 'hono';
import { Gauge, Registry } from 'prom-client';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { ConnectionPlaces } from '../../../src/http/connection-places.ts';
import { guardConnections, type ConnectionGuard } from '../../../src/http/connections.ts';
import type { HttpEnv } from '../../../src/http/env.ts';
import { SERVER_LIMITS, startHttp, type HttpListenOptions } from '../../../src/http/listen.ts';
import { startMetrics } from '../../../src/observe/metrics-server.ts';
import { developmentTls } from '../../../src/tls/development.ts';
import { eventually } from '../../support/eventually.ts';
import { stallHandshake } from '../../support/stalled-handshake.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const HERE = { host: '127.0.0.1', port: 0 };
const GET = 'GET /quick HTTP/1.1\r\nHost: h\r\n\r\n';

const slow = new EventTarget();
let nowMs = 0;
let refused: string[] = [];

beforeEach(() => {
  nowMs = 0;
  refused = [];
});

const guard = (max: number, maxPerAddress: number, more: Partial<ConnectionGuard> = {}): ConnectionGuard => ({
  limits: () => ({ max, maxPerAddress }),
  isProxy: () => false,
  hasRoom: () => true,
  refused: (reason) => refused.push(reason),
  clock: { ...systemClock, monotonicMs: () => nowMs },
  ...more,
});

async function start(options: Partial<HttpListenOptions>): Promise<number> {
  const routes = new Hono<HttpEnv>();
  routes.get('/quick', (c) => c.text('quick'));
  routes.get('/slow', async (c) => {
    await once(slow, 'go');
    return c.text('slow');
  });
  routes.get('/much', (c) => c.text('x'.repeat(2 ** 24)));
  routes.post('/body', async (c) => c.text(await c.req.text()));
  routes.onError((_, c) => c.text('gave up', 500));
  const listener = await startHttp(routes, { listen: HERE, closeGraceMs: 20, ...options });
  onTestFinished(() => listener.close());
  return listener.port;
}

/** @returns once it is connected; what it sends is not waited for */
async function open(port: number, bytes = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

async function answered(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

describe('too many connections', () => {
  it.each([
    ['from one address', guard(10, 2)],
    ['in all', guard(2, 10)],
  ])('%s: 503 while all have only just come', async (_, limits) => {
    const port = await start({ guard: limits });
    for (let n = 0; n < 2; n++) expect(await answered(await open(port, GET))).toMatch(/ 200 /);
    const answer = await text(await open(port));
    expect(answer).toMatch(/^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n[^]*Try again in a moment\.\n$/);
    expect(refused).toEqual(['connections']);
  });

  it('close the one that has been without a request for longest', async () => {
    const port = await start({ guard: guard(10, 3) });
    const busy = await open(port, GET.replace('quick', 'slow'));
    const loris = await open(port, 'GET /quick HTTP/1.1\r\nX-Never: ');
    const kept = await open(port, GET);
    await answered(kept);
    const lorisClosed = once(loris, 'close');
    nowMs = 1000;
    expect(await answered(await open(port, GET))).toMatch(/ 200 /);
    await lorisClosed;
    kept.write(GET);
    expect(await answered(kept)).toMatch(/ 200 /);
    slow.dispatchEvent(new Event('go'));
    expect(await answered(busy)).toMatch(/ 200 /);
    expect(refused).toEqual([]);
  });

  it('give their places back when they leave', async () => {
    const port = await start({ guard: guard(1, 1) });
    for (let n = 0; n < 3; n++) {
      await eventually(async () => {
        const socket = await open(port, GET);
        expect(await answered(socket)).toMatch(/ 200 /);
        socket.destroy();
      });
    }
  });

  it('of a trusted proxy are under the limit in all only', async () => {
    const port = await start({ guard: guard(3, 1, { isProxy: (address) => address === '127.0.0.1' }) });
    for (let n = 0; n < 3; n++) expect(await answered(await open(port, GET))).toMatch(/ 200 /);
    expect(await answered(await open(port, GET))).toMatch(/ 503 /);
  });

  it('are closed without a word where no descriptor is left', async () => {
    const port = await start({ guard: guard(9, 9, { hasRoom: () => false }) });
    expect(await text(await open(port))).toBe('');
    expect(refused).toEqual(['descriptors']);
  });
});

it('one /64 of IPv6 has the places of one address', () => {
  const places = new ConnectionPlaces(() => ({ max: 10, maxPerAddress: 2 }), systemClock);
  const take = (address: string) => places.take(address, () => undefined);
  const [first] = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2'].map(take);
  expect(take('2001:db8:1:2::3')).toBeNull();
  expect(take('2001:db8:1:3::1')).not.toBeNull();
  first?.leave();
  expect(take('2001:db8:1:2::3')).not.toBeNull();
});

describe('slow senders', () => {
  const limits = {
    headersTimeout: 150,
    requestTimeout: 300,
    keepAliveTimeout: 100,
    connectionsCheckingInterval: 30,
  };

  it.each([
    ['nothing at all', ''],
    ['headers without an end', 'GET /quick HTTP/1.1\r\nX-Never: '],
    ['less of a body than promised', 'POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc'],
  ])('%s: 408, and closed', async (_, bytes) => {
    const port = await start({ limits });
    expect(await text(await open(port, bytes))).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('kept-alive connections are closed when no request comes', async () => {
    const port = await start({ limits });
    expect(await text(await open(port, GET))).toMatch(/quick$/);
  });

  it('have the usual limits where nothing else is said', () => {
    expect(SERVER_LIMITS).toMatchObject({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      handshakeTimeout: 10_000,
      silenceTimeout: 60_000,
    });
  });
});

describe('a client that does not read its answers', () => {
  const silenceTimeout = 300;
  /** More than the kernels at both ends hold. */
  const MUCH = 2 ** 24;

  /** Resolves once it has been cut off; the place that it had is free then. */
  async function cutOff(port: number, request: string, gone: Promise<unknown>): Promise<void> {
    const loris = connect({ port, host: '127.0.0.1' });
    loris.on('error', () => undefined);
    onTestFinished(() => void loris.destroy());
    loris.pause().write(request);
    await gone;
  }

  /** One place, and when the first who had it was gone. */
  function onePlace(): { limits: ConnectionGuard; gone: Promise<unknown> } {
    let left: (value: unknown) => void;
    const gone = new Promise((resolve) => (left = resolve));
    const hasRoom = (socket: Socket): boolean => {
      socket.once('close', left);
      return true;
    };
    return { limits: guard(1, 1, { hasRoom }), gone };
  }

  it('is cut off when it has taken nothing for a while', async () => {
    const { limits, gone } = onePlace();
    const port = await start({ limits: { silenceTimeout }, guard: limits });
    await cutOff(port, GET.replace('quick', 'much'), gone);
    expect(await answered(await open(port, GET))).toMatch(/ 200 /);
  });

  it('is cut off by the metrics listener, too', async () => {
    const registry = new Registry();
    registry.registerMetric(new Gauge({ name: 'much', help: 'x'.repeat(MUCH), registers: [] }));
    const { limits, gone } = onePlace();
    const listener = await startMetrics(registry, {
      listen: HERE,
      limits: { ...SERVER_LIMITS, silenceTimeout },
      guard: (server) => guardConnections(server, false, limits),
    });
    onTestFinished(() => listener.close());
    await cutOff(listener.port, GET.replace('quick', 'metrics'), gone);
    expect(await answered(await open(listener.port, GET))).toMatch(/ 404 /);
  });
});

describe('a TLS handshake that stalls', () => {
  it.each([
    ['before the hello', 'nothing'],
    ['inside the hello', 'half'],
    ['between the hello and its answer', 'hello'],
  ] as const)('%s is ended, and its place is free', async (_, sends) => {
    const files = await developmentTls(await temporaryDirectory(), { names: ['localhost'], now: new Date() });
    const [cert, key] = [await readFile(files.certFile, 'utf8'), await readFile(files.keyFile, 'utf8')];
    const port = await start({ tls: { cert, key }, limits: { handshakeTimeout: 300 }, guard: guard(1, 1) });
    const stalled = await open(port);
    stalled.resume();
    const closed = once(stalled, 'close');
    stallHandshake(stalled, sends);
    await closed;
    const next = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    onTestFinished(() => void next.destroy());
    next.write(GET);
    expect(await answered(next)).toMatch(/ 200 /);
  });
});

describe('the metrics listener', () => {
  async function metrics(limits: ConnectionGuard): Promise<number> {
    const listener = await startMetrics(new Registry(), {
      listen: HERE,
      limits: SERVER_LIMITS,
      guard: (server) => guardConnections(server, false, limits),
    });
    onTestFinished(() => listener.close());
    return listener.port;
  }

  it('has the same limits', async () => {
    const port = await metrics(guard(1, 1));
    await open(port);
    expect(await text(await open(port))).toMatch(/^HTTP\/1\.1 503 /);
  });

  it.each([
    ['a body', 'POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n', 413],
    [
      'a body without a length',
      'POST /metrics HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n',
      413,
    ],
    [
      'headers that are too large',
      `GET /metrics HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
    ],
  ])('%s: refused, and closed', async (_, bytes, status) => {
    const port = await metrics(guard(9, 9));
    expect(await text(await open(port, bytes))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });
});
