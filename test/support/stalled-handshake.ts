import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { onTestFinished } from 'vitest';

/** How far a client gets: not to its first byte, into its hello, or to the end of that, and never to its second message. */
export type Stall = 'nothing' | 'half' | 'hello';

/** Begins a TLS handshake over a connection and does not go on with it. */
export function stallHandshake(socket: Socket, how: Stall): void {
  if (how === 'nothing') return;
  const oneWay = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      socket.write(how === 'half' ? chunk.subarray(0, chunk.length / 2) : chunk, () => done());
    },
  });
  const client = connect({ socket: oneWay, rejectUnauthorized: false });
  client.on('error', () => undefined);
  onTestFinished(() => {
    client.destroy();
    oneWay.destroy();
  });
}
