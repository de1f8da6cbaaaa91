/**
 * The product's relay behind a login that believes everyone: `relay-process ENGINE_HOST ENGINE_PORT [ENGINE_SOCKET]`. Each line on
 * standard input is answered with the most bytes that were in use, garbage not counted, since the line before.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { systemClock } from '../../src/core/clock.ts';
import { relay } from '../../src/session/relay.ts';
import { createTransports } from '../../src/session/transports.ts';
import { MessageReader } from '../../src/wire/message-reader.ts';
import type { Transport } from '../../src/wire/transport.ts';

const [host = '127.0.0.1', port = '5432', path] = process.argv.slice(2);
const target = path === undefined ? { host, port: Number(port) } : { path };
const transports = createTransports();

const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
  serve(socket).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    socket.destroy();
  });
});
server.listen(0, '127.0.0.1', 4096, () =>
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`),
);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
let mostInUse = 0;
setInterval(lookAtMemory, 20);
process.stdin.on('data', () => {
  lookAtMemory();
  process.stdout.write(`${mostInUse}\n`);
  mostInUse = 0;
});

function lookAtMemory(): void {
  // The second time waits for what the first one left to sweep in the background.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  mostInUse = Math.max(mostInUse, heapUsed + external);
}

async function serve(socket: Socket): Promise<void> {
  const client = transports.plain(socket);
  const clientReader = new MessageReader(client, { maxLength: 10_000 });
  const startup = await clientReader.nextUntyped();
  if (startup === null) {
    client.destroy();
    return;
  }
  const engine = await transports.connect(target, { timeoutMs: 5000 });
  const length = Buffer.alloc(4);
  length.writeInt32BE(startup.length + 4);
  engine.write(Buffer.concat([length, startup]));
  const engineReader = new MessageReader(engine, { maxLength: 10_000 });
  await greet(client, engineReader);
  const running = relay(
    { transport: client, leftover: clientReader.release() },
    { transport: engine, leftover: engineReader.release() },
    { clock: systemClock },
  );
  await running.ended;
  engine.destroy();
}

/** Passes on what the engine says up to its first ReadyForQuery. */
async function greet(client: Transport, engine: MessageReader): Promise<void> {
  for (;;) {
    const message = await engine.next();
    if (message === null) throw new Error('the engine left');
    const header = Buffer.alloc(5, message.type);
    header.writeInt32BE(message.body.length + 4, 1);
    client.write(Buffer.concat([header, message.body]));
    if (message.type === 'Z'.charCodeAt(0)) return;
  }
}
