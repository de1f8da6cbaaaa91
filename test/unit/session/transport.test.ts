import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';

import { expect, test } from 'vitest';

import { createTransports } from '../../../src/session/transports.ts';

test('gives the head, then what comes, then the end', async () => {
  const transports = createTransports();
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection');
  const peer = connect(port, '127.0.0.1');
  const [socket] = (await accepted) as [Socket];
  const transport = transports.plain(socket, Buffer.from('head,'));
  peer.end('tail');
  const seen: string[] = [];
  const closed = new Promise<void>((resolve) => {
    transport.setSink({
      data(chunk) {
        seen.push(chunk.toString());
        return false;
      },
      end() {
        seen.push('end');
        transport.write(Buffer.from('answer'));
        transport.end();
      },
      drain: () => undefined,
      close(error) {
        seen.push(`close ${String(error)}`);
        resolve();
      },
    });
  });
  transport.resume();
  let answer = '';
  peer.on('data', (chunk) => (answer += String(chunk)));
  await Promise.all([closed, once(peer, 'close')]);
  expect(seen.join('')).toBe('head,tailendclose null');
  expect(answer).toBe('answer');
  server.close();
});
