import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TestGateway } from './gateway.ts';

/** Sends a CancelRequest over a connection of its own; resolves when the gateway has closed it. */
export async function sendCancel(
  { port, caFile }: Pick<TestGateway, 'port' | 'caFile'>,
  overTls: boolean,
  processId: number,
  key: number,
): Promise<void> {
  let socket: Socket = connectTcp(port, '127.0.0.1');
  await once(socket, 'connect');
  if (overTls) {
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    await once(socket, 'data');
    const secure = connectTls({ socket, ca: readFileSync(caFile), servername: 'localhost' });
    await once(secure, 'secureConnect');
    socket = secure;
  }
  const request = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 0, 0, 0, 0, 0]);
  request.writeInt32BE(processId, 8);
  request.writeInt32BE(key, 12);
  socket.end(request);
  socket.resume();
  await once(socket, 'close');
}
