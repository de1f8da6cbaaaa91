import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SSL_REQUEST, startup } from '../../protocol/packets.ts';
import { promised } from '../../support/faults-page.ts';
import { startGateway, type TestGateway, type TestUser } from '../../support/gateway.ts';
import { openSession, ping } from '../../support/session.ts';
import { stallHandshake, type Stall } from '../../support/stalled-handshake.ts';
import { WireClient } from '../../support/wire-client.ts';

const FIRST_BYTE_MS = 300;
const LOGIN_MS = 1500;
/** What a busy machine may add. */
const MORE_MS = 10_000;

/** Clients that begin and do not go on, on the whole gateway: what its settings promise is what happens. */
describe('a client that stalls', () => {
  let gateway: TestGateway;
  let ada: TestUser;

  beforeAll(async () => {
    gateway = await startGateway({
      'tls.mode': 'prefer',
      'login.first_byte_timeout': `${FIRST_BYTE_MS}ms`,
      'login.timeout': `${LOGIN_MS}ms`,
    });
    ada = await gateway.addUser('ada');
  });
  afterAll(() => gateway.stop());

  async function open(): Promise<Socket> {
    const socket = connect({ port: gateway.port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  /** @returns after how long the gateway has closed */
  async function closedAfter(socket: Socket, begunMs: number): Promise<number> {
    socket.resume();
    if (!socket.closed) await once(socket, 'close');
    return performance.now() - begunMs;
  }

  it('before its first byte is closed after login.first_byte_timeout', async () => {
    const begunMs = performance.now();
    const ms = await closedAfter(await open(), begunMs);
    expect(ms).toBeGreaterThan(FIRST_BYTE_MS - 50);
    expect(ms).toBeLessThan(LOGIN_MS);
  });

  const stalls: readonly (readonly [string, 'asked' | 'direct', Stall])[] = [
    ['behind the answer to SSLRequest', 'asked', 'nothing'],
    ['inside the TLS hello', 'asked', 'half'],
    ['inside the TLS hello, without an SSLRequest', 'direct', 'half'],
    ['in the middle of the handshake', 'asked', 'hello'],
    ['in the middle of the handshake, without an SSLRequest', 'direct', 'hello'],
  ];
  it.each(stalls)('%s is closed after login.timeout', async (_where, how, stall) => {
    const begunMs = performance.now();
    const socket = await open();
    if (how === 'asked') {
      socket.write(SSL_REQUEST);
      expect(String(await once(socket, 'data'))).toBe('S');
    }
    stallHandshake(socket, stall);
    const ms = await closedAfter(socket, begunMs);
    expect(ms).toBeGreaterThan(LOGIN_MS - 50);
    expect(ms).toBeLessThan(LOGIN_MS + MORE_MS);
  });

  it('inside its start-up packet is closed after login.timeout', async () => {
    const begunMs = performance.now();
    const socket = await open();
    socket.write(startup(0x3_0000, { user: 'ada' }).subarray(0, 10));
    expect(await closedAfter(socket, begunMs)).toBeGreaterThan(LOGIN_MS - 50);
  });

  it('before its password is told so', async () => {
    const client = await WireClient.connect({ port: gateway.port, tls: true });
    client.startup('ada', gateway.engine.name);
    await client.authentication();
    const { code: sqlState, message } = promised('Never says anything', '57014');
    expect(await client.verdict()).toMatchObject({ ok: false, sqlState, message });
    client.destroy();
  });

  it('is not who has logged in: the limit is that of the login', async () => {
    const { client } = await openSession(gateway.clientConfig('ada', ada.password));
    const stalled = await open();
    await closedAfter(stalled, 0);
    const late = await open();
    late.write(SSL_REQUEST);
    await closedAfter(late, 0);
    expect(await ping(client)).toBe(1);
    await client.end();
  });
});
