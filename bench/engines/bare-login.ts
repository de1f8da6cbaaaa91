/**
 * `bare-login SECRET`: logs clients in by SCRAM and does nothing else: no store, no engine, no audit, no limits. What is left is
 * what Node takes for accepting a connection, reading and writing the messages of a login and testing a proof: the least that a
 * login can cost in a gateway that is written for it.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { acceptClientFirst, challenge, type AwaitingFinal } from '../../src/scram/server-exchange.ts';
import { parseVerifier } from '../../src/scram/verifier.ts';
import { frame, GREETING } from './frames.ts';

const BACKLOG = 4096;
const found = parseVerifier(process.argv[2] ?? '');
if (found === null) throw new Error('bare-login SECRET');
const verifier = found;

const server = createServer({ noDelay: true }, serve);
server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
  console.log((server.address() as AddressInfo).port);
});

const authentication = (request: number, data: string | Buffer): Buffer => {
  const code = Buffer.alloc(4);
  code.writeInt32BE(request);
  return frame('R', Buffer.concat([code, Buffer.from(data)]));
};
const OFFER = authentication(10, 'SCRAM-SHA-256\0\0');

function serve(socket: Socket): void {
  let step: 'startup' | 'first' | 'final' | 'in' = 'startup';
  let awaiting: AwaitingFinal | null = null;
  socket.on('error', () => socket.destroy());
  // Clients here send a message and wait, and so each comes whole.
  socket.on('data', (message: Buffer) => {
    if (step === 'startup') {
      step = 'first';
      socket.write(OFFER);
    } else if (step === 'first') {
      step = 'final';
      const data = message.subarray(message.indexOf(0, 5) + 5);
      const binding = { mechanism: 'SCRAM-SHA-256', endPointHash: null } as const;
      awaiting = challenge(acceptClientFirst(data, binding), verifier);
      socket.write(authentication(11, awaiting.reply));
    } else if (step === 'final' && awaiting !== null) {
      step = 'in';
      const done = awaiting.finish(message.subarray(5), [verifier]);
      if (done.matched === null) socket.destroy();
      else socket.write(Buffer.concat([authentication(12, done.reply), GREETING]));
    } else socket.end();
  });
}
