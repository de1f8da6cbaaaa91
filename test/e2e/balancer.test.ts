import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { encodeFrontend } from '../../src/wire/frontend.ts';

const MOST = 3;
const SSL_REQUEST = encodeFrontend({ kind: 'sslRequest' });

/** haproxy's proxy-protocol.txt, sections 2.1 and 2.2. */
const HEADERS: Readonly<Record<string, (client: string) => Buffer>> = {
  'version 1': (client) => Buffer.from(`PROXY TCP4 ${client} 192.0.2.100 40000 5432\r\n`),
  'version 2': (client) => {
    const addresses = [...client.split('.').map(Number), 192, 0, 2, 100];
    const head = Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex');
    return Buffer.concat([head, Buffer.from([...addresses, 0x9c, 0x40, 0x15, 0x38])]);
  },
};

interface Knock {
  readonly socket: Socket;
  /** `S` for who was let in, and `closed` for who was not. */
  readonly outcome: Promise<string>;
}

async function knock(port: number, bytes: Buffer): Promise<Knock> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  const outcome = new Promise<string>((resolve) => {
    socket.once('data', (chunk) => resolve(chunk.toString('latin1')));
    socket.once('close', () => resolve('closed'));
  });
  socket.write(bytes);
  return { socket, outcome };
}

describe.each(['1', '2'])('behind a balancer, workers = %s', (workers) => {
  let gateway: GatewayProcess;

  beforeAll(async () => {
    gateway = await startGatewayProcess({
      workers,
      'listen.proxy_protocol_from': '127.0.0.1/32',
      'login.max_pending_per_address': String(MOST),
    });
  });

  afterAll(() => gateway.stop());

  test.each(Object.entries(HEADERS))(
    'connections that have not logged in are counted by client, not by balancer: %s',
    async (_, header) => {
      // More than one address may have, and none of them has said whom it is for.
      const unknown = await Promise.all(
        Array.from({ length: 3 * MOST }, () => knock(gateway.port, Buffer.alloc(0))),
      );
      const hello = (client: string): Buffer => Buffer.concat([header(client), SSL_REQUEST]);
      const crowd: Knock[] = [];
      for (let n = 0; n < MOST; n++) crowd.push(await knock(gateway.port, hello('198.51.100.1')));
      expect(await Promise.all(crowd.map(({ outcome }) => outcome))).toEqual(['S', 'S', 'S']);
      const gone = Promise.race(crowd.map(({ socket }) => once(socket, 'close').then(() => 'one before it')));
      const last = await knock(gateway.port, hello('198.51.100.1'));
      // It is closed itself, or, if that took a second, the oldest of the same client is.
      const closed = once(last.socket, 'close').then(() => 'itself');
      expect(['itself', 'one before it']).toContain(await Promise.race([closed, gone]));
      expect(await (await knock(gateway.port, hello('198.51.100.2'))).outcome).toBe('S');
      expect(unknown.filter(({ socket }) => socket.closed)).toEqual([]);
    },
  );
});
