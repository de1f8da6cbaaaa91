import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from '../protocol/mutate.ts';
import { int32, text, typed } from '../protocol/packets.ts';
import { eventually } from '../support/eventually.ts';
import { startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';
import { WireClient } from '../support/wire-client.ts';

/** A session costs about three hundred times what a decoder does. */
const RUNS = Math.ceil(FUZZ_RUNS / 300);

const READY = typed('Z', Buffer.from('I'));
const GREETING = Buffer.concat([
  typed('R', int32(0)),
  typed('S', text('server_version'), text('18.0')),
  typed('S', text('client_encoding'), text('UTF8')),
  typed('K', int32(17), int32(4)),
  READY,
]);
const CELL = Buffer.concat([Buffer.from([0, 1]), int32(1), Buffer.from('1')]);
const COLUMN = Buffer.concat([
  Buffer.from([0, 1]),
  text('one'),
  Buffer.alloc(10),
  Buffer.from([0, 4]),
  int32(-1),
  Buffer.alloc(2),
]);
const ANSWERS = [
  Buffer.concat([typed('T', COLUMN), typed('D', CELL), typed('C', text('SELECT 1')), READY]),
  Buffer.concat([typed('N', text('SNOTICE'), text('C00000'), text('Mx'), Buffer.of(0)), typed('I'), READY]),
  Buffer.concat([
    typed('E', text('SERROR'), text('C42601'), text('Mno'), Buffer.of(0)),
    typed('Z', Buffer.from('E')),
  ]),
  Buffer.concat([typed('H', Buffer.of(0, 0, 1, 0, 0)), typed('d', Buffer.alloc(300)), typed('c'), READY]),
  Buffer.concat([typed('G', Buffer.of(0, 0, 1, 0, 0)), typed('A', int32(1), text('c'), text('p')), READY]),
  Buffer.concat([
    typed('1'),
    typed('2'),
    typed('n'),
    typed('s'),
    typed('3'),
    typed('v', int32(0), int32(0)),
    READY,
  ]),
];
const GREETINGS = [
  GREETING,
  Buffer.concat([typed('v', int32(0x3_0000), int32(0)), GREETING]),
  Buffer.concat([
    typed('R', int32(10), text('SCRAM-SHA-256'), Buffer.of(0)),
    typed('R', int32(11), Buffer.from('r=x')),
  ]),
  Buffer.concat([typed('R', int32(5), int32(1)), typed('R', int32(0)), READY]),
  typed('E', text('SFATAL'), text('C57P03'), text('Mno'), Buffer.of(0)),
];

/** Of a CancelRequest with a key of four bytes. */
const CANCEL_LENGTH = 16;

/** What it says to the start-up packet, and then to each thing that it hears. */
interface Script {
  readonly greeting: Buffer;
  readonly answer: Buffer;
}

let script: Script = { greeting: GREETING, answer: ANSWERS[0] ?? READY };
let engine: Server;
let gateway: TestGateway;
let ada: TestUser;
const sockets = new Set<Socket>();
/** Called when the engine has answered something. */
let heard: () => void = () => undefined;

beforeAll(async () => {
  engine = createServer((socket) => {
    const { greeting, answer } = script;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', (first: Buffer) => {
      if (first.length === CANCEL_LENGTH) {
        socket.end();
        return;
      }
      socket.write(greeting);
      socket.on('data', () => socket.write(answer, () => heard()));
    });
  });
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  gateway = await startGateway({
    'tls.mode': 'prefer',
    'engine.url': `postgres://service:secret@127.0.0.1:${(engine.address() as AddressInfo).port}/x?sslmode=disable&connect_timeout=1`,
    'pool.idle_timeout': '1s',
    'log.level': 'warn',
  });
  ada = await gateway.addUser('ada');
});
afterAll(async () => {
  await gateway.stop();
  for (const socket of sockets) socket.destroy();
  engine.close();
});

it('carries, refuses or ends whatever an engine says, and the next session is clean', async () => {
  const random = randomNumbers(FUZZ_SEED);
  for (let run = 0; run < RUNS; run += 1) {
    // Most greetings are good, so that there are sessions whose engine goes wrong later.
    const isGood = random(4) > 0;
    script = { greeting: isGood ? GREETING : mutated(GREETINGS, random), answer: mutated(ANSWERS, random) };
    const note = `seed ${FUZZ_SEED}, run ${run}: ${script.greeting.toString('hex')} ${script.answer.toString('hex')}`;
    const client = await WireClient.connect({ port: gateway.port });
    client.startup('ada', 'x');
    await client.scram(ada.password);
    const verdict = await client.verdict();
    if (isGood) expect([note, verdict]).toEqual([note, { ok: true }]);
    if (verdict?.ok === true) {
      const answered = new Promise<void>((resolve) => (heard = resolve)).then(() => turn());
      client.send(typed('Q', text('select 1')));
      // An engine that stops in the middle of a message leaves its client to wait, as it does without a gateway.
      await Promise.race([client.rest(), answered]);
    }
    client.destroy();
  }
  script = { greeting: GREETING, answer: ANSWERS[0] ?? READY };
  // Engine sessions that spoke out of turn are not used again.
  const client = await WireClient.connect({ port: gateway.port });
  client.startup('ada', 'x');
  await client.scram(ada.password);
  expect(await client.verdict()).toEqual({ ok: true });
  client.destroy();
  expect(gateway.logged().filter(({ level }) => level === 'error' || Number(level) >= 50)).toEqual([]);
  await eventually(() => expect(sockets.size).toBe(0));
}, 3_600_000);
