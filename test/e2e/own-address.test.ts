import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { encodeFrontend } from '../../src/wire/frontend.ts';
import { connectFrom, proxyHeader } from '../support/behind-proxy.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import type { TestUser } from '../support/gateway.ts';
import { makeDirectory } from '../support/temporary.ts';

const CLIENT = '203.0.113.7';
const OTHER = '203.0.113.8';
const SSL_REQUEST = encodeFrontend({ kind: 'sslRequest' });

/** What the gateway answers to the first bytes of a connection from that address of this machine: `S`, or `closed`. */
async function knock(port: number, bytes: Buffer, localAddress = '127.0.0.1'): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  return new Promise((resolve) => {
    socket.once('data', (chunk) => resolve(chunk.toString('latin1')));
    socket.once('close', () => resolve('closed'));
  });
}

const announced = (address: string) => Buffer.concat([Buffer.from(proxyHeader(address)), SSL_REQUEST]);

describe.each(['1', '2'])('behind a balancer, a client is who it is, workers = %s', (workers) => {
  let gateway: GatewayProcess;
  let ada: TestUser;
  beforeAll(async () => {
    gateway = await startGatewayProcess({
      workers,
      'listen.proxy_protocol_from': '127.0.0.1',
      'http.trusted_proxies': '10.0.0.0/8',
      'login.throttle_free': '3',
      'sessions.max_per_address': '2',
    });
    ada = await gateway.addUser('ada');
  });
  afterAll(() => gateway.stop());

  it('in the audit, at login and at its end', async () => {
    const { client } = await connectFrom(CLIENT, gateway, 'ada', ada.password);
    await client.end();
    for (const action of ['login', 'session.close'] as const) {
      await expect
        .poll(async () => (await gateway.services.audit.list({ action, limit: 1 }))[0])
        .toMatchObject({ address: CLIENT, actor: { name: 'ada' } });
    }
  });

  it('for the sessions that one address may have', async () => {
    const first = await connectFrom(CLIENT, gateway, 'ada', ada.password);
    const second = await connectFrom(`::ffff:${CLIENT}`, gateway, 'ada', ada.password);
    await expect(connectFrom(CLIENT, gateway, 'ada', ada.password)).rejects.toMatchObject({ code: '53300' });
    const other = await connectFrom(OTHER, gateway, 'ada', ada.password);
    for (const { client } of [first, second, other]) await client.end();
  });

  it('for the sessions that one IPv6 host may have, from whichever of its addresses', async () => {
    const first = await connectFrom('2001:db8::1', gateway, 'ada', ada.password);
    const second = await connectFrom('2001:db8::ffff:2', gateway, 'ada', ada.password);
    const third = connectFrom('2001:db8:0:0:1::', gateway, 'ada', ada.password);
    await expect(third).rejects.toMatchObject({ code: '53300' });
    const other = await connectFrom('2001:db8:0:1::1', gateway, 'ada', ada.password);
    for (const { client } of [first, second, other]) await client.end();
  });

  it('for what guessing costs: others behind the same balancer do not pay', async () => {
    const guess = (address: string, secret: string) =>
      connectFrom(address, gateway, 'ada', secret).then(
        async ({ client }) => {
          await client.end();
          return 'in';
        },
        (error: unknown) => (error as { code?: string }).code,
      );
    const outcomes = [];
    for (let n = 0; n < 6; n += 1) outcomes.push(await guess(OTHER, `guess ${n}`));
    expect(outcomes.slice(0, 3)).toEqual(['28P01', '28P01', '28P01']);
    expect(outcomes.at(-1)).not.toBe('28P01');
    expect(await guess(OTHER, ada.password)).not.toBe('in');
    expect(await guess(CLIENT, ada.password)).toBe('in');
  });

  it('over HTTP only where a trusted proxy says so: anybody’s X-Forwarded-For opens no network', async () => {
    const url = `${gateway.info.http?.url ?? ''}/api/v1/me`;
    const { token } = await gateway.issueToken(ada, { networks: [CLIENT] });
    for (const forwarded of [CLIENT, `${CLIENT}, 10.0.0.1`, `10.0.0.1, ${CLIENT}`]) {
      const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': forwarded };
      const answer = await fetch(url, { headers });
      expect([answer.status, await answer.json()]).toMatchObject([
        403,
        { code: 'login.network_not_allowed', detail: expect.stringContaining('127.0.0.1') as string },
      ]);
    }
  });

  it('only where the balancer says so: from elsewhere a header is refused, and none is wanted', async () => {
    expect(await knock(gateway.port, announced(CLIENT))).toBe('S');
    expect(await knock(gateway.port, SSL_REQUEST)).toBe('closed');
    expect(await knock(gateway.port, announced(CLIENT), '127.0.0.2')).toBe('closed');
    expect(await knock(gateway.port, SSL_REQUEST, '127.0.0.2')).toBe('S');
  });
});

it.each(['1', '2'])('a reload takes over whose header is believed, workers = %s', async (workers) => {
  const config = path.join(await makeDirectory(), 'patgate.toml');
  writeFileSync(config, '');
  const gateway = await startGatewayProcess({ config, workers });
  try {
    expect(await knock(gateway.port, SSL_REQUEST)).toBe('S');
    expect(await knock(gateway.port, announced(CLIENT))).toBe('closed');
    for (const [networks, plain, withHeader] of [
      ['127.0.0.1', 'closed', 'S'],
      ['192.0.2.0/24', 'S', 'closed'],
    ] as const) {
      writeFileSync(config, `[listen]\nproxy_protocol_from = ["${networks}"]\n`);
      await gateway.reload();
      await expect.poll(() => knock(gateway.port, SSL_REQUEST), { timeout: 20_000 }).toBe(plain);
      await expect.poll(() => knock(gateway.port, announced(CLIENT)), { timeout: 20_000 }).toBe(withHeader);
    }
  } finally {
    await gateway.stop();
  }
});
