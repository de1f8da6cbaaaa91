import { expect, test } from 'vitest';
import { openDoor, until, type Door } from './door.ts';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from './mutate.ts';
import {
  ADA,
  cancelRequest,
  errorFields,
  GSSENC_REQUEST,
  int32,
  password,
  SSL_REQUEST,
  startup,
  text,
  typed,
  untyped,
} from './packets.ts';
import { rawClient, tlsClient, type RawClient } from './raw-client.ts';

/** A connection costs about a hundred times what a decoder does. */
const RUNS = Math.ceil(FUZZ_RUNS / 100);

const HELLO = Buffer.from('160301005a0100005603030000', 'hex');
const CORPUS = [
  Buffer.concat([ADA, password('secret')]),
  SSL_REQUEST,
  Buffer.concat([SSL_REQUEST, HELLO]),
  Buffer.concat([GSSENC_REQUEST, SSL_REQUEST]),
  HELLO,
  cancelRequest(1, Buffer.alloc(32, 7)),
  startup(0x3_270f, { user: 'ada', '_pq_.x': '1', options: '-c x=y' }),
  untyped(int32(0x2_0000), Buffer.alloc(288)),
  Buffer.concat([ADA, typed('p', text('SCRAM-SHA-256'), int32(9), Buffer.from('n,,n=,r=x'))]),
  Buffer.concat([Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 5000 5432\r\n'), ADA]),
];
/** From a balancer: headers of both versions, with what may follow them. */
const PROXIED = [
  'PROXY TCP4 192.0.2.7 192.0.2.1 5000 5432\r\n',
  'PROXY TCP6 2001:db8::7 2001:db8::1 5000 5432\r\n',
  'PROXY UNKNOWN\r\n',
]
  .map((line) => Buffer.from(line))
  .concat(
    [
      '0d0a0d0a000d0a515549540a2111000cc0000207c000020113881538',
      `0d0a0d0a000d0a515549540a21210024${'20010db8'.repeat(8)}13881538`,
      // LOCAL, and a PROXY with the authority and a checksum behind the addresses
      '0d0a0d0a000d0a515549540a20000000',
      '0d0a0d0a000d0a515549540a2111001bc0000207c000020113881538020005732e6578300300045a5a5a5a',
    ].map((hex) => Buffer.from(hex, 'hex')),
  )
  .flatMap((header) => [ADA, SSL_REQUEST, HELLO].map((rest) => Buffer.concat([header, rest])));

/** In segments, each for itself, then the end. */
async function sendInSegments(
  client: RawClient,
  bytes: Buffer,
  random: (below: number) => number,
): Promise<void> {
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + 1 + random(random(2) === 0 ? 4 : 400));
    await client.send(bytes.subarray(from, to));
    from = to;
  }
  client.socket.end();
}

/** What may come back: one byte for each encryption request, then nothing, one error, or (after `S`) a TLS alert. */
function expectAnswer(answer: Buffer): void {
  const answers = /^[NS]{0,2}/.exec(answer.toString('latin1'))?.[0].length ?? 0;
  const rest = answer.subarray(answers);
  if (rest.length === 0 || rest[0] === 0x15) return;
  if (/^EFATAL: {2}unsupported frontend protocol [^\0]+\n\0$/.test(rest.toString('latin1'))) return;
  expect(errorFields(rest)).toMatchObject({
    S: 'FATAL',
    C: expect.stringMatching(/^(08P01|0A000|28000)$/) as string,
  });
}

async function takeOutcome(door: Door): Promise<void> {
  const outcome = await door.next();
  if (outcome?.kind === 'cancel') outcome.close();
  if (outcome?.kind !== 'session') return;
  const read = await outcome.reader.next().catch((error: unknown) => error);
  if (read instanceof Error) expect(read).toMatchObject({ code: 'wire.malformed' });
  outcome.transport.destroy();
}

test.each([
  ['require', false],
  ['prefer', false],
  ['off', false],
  ['prefer', true],
] as const)(
  'mutated openings on a real socket: TLS %s, proxy trusted: %s',
  async (tlsMode, trusted) => {
    const door = await openDoor({ tlsMode, trusted: trusted ? ['127.0.0.1/32'] : [] });
    const random = randomNumbers(FUZZ_SEED);
    for (let run = 0; run < RUNS; run += 1) {
      const bytes = mutated(trusted ? PROXIED : CORPUS, random);
      const client = await rawClient(door);
      const sent = sendInSegments(client, bytes, random);
      await takeOutcome(door);
      try {
        expectAnswer(await client.rest());
      } catch (error) {
        throw new Error(`seed ${FUZZ_SEED}, run ${run}: ${bytes.toString('hex')}`, { cause: error });
      }
      client.socket.destroy();
      await sent;
    }
    expect(door.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
    await until(() => door.sockets.every((socket) => socket.destroyed));
  },
  3_600_000,
);

test('mutated openings inside TLS', async () => {
  const door = await openDoor();
  const random = randomNumbers(FUZZ_SEED);
  for (let run = 0; run < RUNS / 4; run += 1) {
    const bytes = mutated(CORPUS, random);
    const client = await tlsClient(door, null, { ALPNProtocols: ['postgresql'] });
    const sent = sendInSegments(client, bytes, random);
    await takeOutcome(door);
    expectAnswer(await client.rest());
    client.socket.destroy();
    await sent;
  }
  expect(door.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
}, 3_600_000);
