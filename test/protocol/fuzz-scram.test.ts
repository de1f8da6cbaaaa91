import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClientExchange, type ClientMechanism } from '../../src/scram/client-exchange.ts';
import { deriveKeys, type ClientKeys, type ScramParameters } from '../../src/scram/keys.ts';
import { startLoginServer, type LoginServer } from '../support/login-server.ts';
import { MemoryCredentials } from '../support/memory-credentials.ts';
import { WireClient } from '../support/wire-client.ts';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from './mutate.ts';
import { int32, text, typed } from './packets.ts';

/** A login costs a hundred times what a decoder does, over TLS two hundred times. */
const RUNS = Math.ceil(FUZZ_RUNS / 100);

let server: LoginServer;
let keys: ClientKeys | undefined;

beforeAll(async () => {
  const credentials = new MemoryCredentials();
  await credentials.addUser('ada', { password: 'right' });
  server = await startLoginServer({ credentials });
});
afterAll(() => server.close());

const PLAIN: ClientMechanism = {
  mechanism: 'SCRAM-SHA-256',
  gs2Header: 'n,,',
  channelBinding: Buffer.from('n,,'),
};
function plus(): ClientMechanism {
  const gs2Header = 'p=tls-server-end-point,,';
  const channelBinding = Buffer.concat([Buffer.from(gs2Header), server.endPointHash]);
  return { mechanism: 'SCRAM-SHA-256-PLUS', gs2Header, channelBinding };
}

/** PBKDF2 once: all logins are of one user. */
const keysFor = async (parameters: ScramParameters): Promise<ClientKeys> =>
  (keys ??= await deriveKeys('right', parameters));

/** What PostgreSQL answers to a login that is not good. */
const REFUSED = expect.stringMatching(/^(28P01|28000|08P01|0A000)$/) as string;

const initial = (name: string, data: Buffer): Buffer => typed('p', text(name), int32(data.length), data);
const response = (data: Buffer): Buffer => typed('p', data);

test.each([
  { how: 'in the clear', tls: false, runs: RUNS, mechanism: () => PLAIN },
  { how: 'over TLS', tls: true, runs: RUNS / 4, mechanism: () => PLAIN },
  { how: 'bound to the channel', tls: true, runs: RUNS / 4, mechanism: plus },
])(
  'exchanges with something gone wrong are refused in PostgreSQL’s words, $how',
  async ({ tls, runs, mechanism }) => {
    const random = randomNumbers(FUZZ_SEED);
    const outcomes = new Set<string>();
    for (let run = 0; run < runs; run += 1) {
      const { right, sent } = await exchange(mechanism(), tls, random);
      const ending = await server.ending();
      const note = `seed ${FUZZ_SEED}, run ${run}: ${sent.map((bytes) => bytes.toString('hex')).join(' ')}`;
      expect([note, ending.kind === 'proved']).toEqual([note, right]);
      if (ending.kind === 'refused') expect([note, ending.error.client.sqlState]).toEqual([note, REFUSED]);
      outcomes.add(ending.kind);
    }
    expect([...outcomes]).toEqual(expect.arrayContaining(['proved', 'refused']));
  },
  3_600_000,
);

type Random = (below: number) => number;

/** Something goes wrong in one of the two messages, in the frame around one, or nowhere. */
const PLACES = ['first', 'first frame', 'last', 'last frame', 'nowhere'] as const;

/** One login. @returns what was sent, and whether that was what is right */
async function exchange(
  mechanism: ClientMechanism,
  tls: boolean,
  random: Random,
): Promise<{ sent: readonly Buffer[]; right: boolean }> {
  const place = PLACES[random(PLACES.length)];
  const spoilt = (where: 'first' | 'last', data: Buffer, frame: (data: Buffer) => Buffer): Buffer => {
    if (place === where) return frame(mutated([data], random));
    return place === `${where} frame` ? mutated([frame(data)], random) : frame(data);
  };
  const client = await WireClient.connect({ port: server.port, tls });
  client.startup('ada');
  await client.authentication();
  const awaiting = startClientExchange(mechanism);
  const frameFirst = (data: Buffer): Buffer => initial(mechanism.mechanism, data);
  const first = spoilt('first', awaiting.message, frameFirst);
  client.send(first);
  // What is cut short would be waited for.
  if (!first.equals(frameFirst(awaiting.message))) client.end();
  const challenge = await client.next();
  if (challenge?.type !== 'R') {
    client.destroy();
    return { sent: [first], right: false };
  }
  const final = await awaiting
    .answer(challenge.body.subarray(4), keysFor)
    // The nonce was spoilt: there is no right answer.
    .catch(() => ({ message: Buffer.from(`c=biws,r=x,p=${'A'.repeat(43)}=`) }));
  const last = spoilt('last', final.message, response);
  client.send(last).end();
  await client.rest();
  client.destroy();
  const isWhole = last.subarray(0, response(final.message).length).equals(response(final.message));
  return { sent: [first, last], right: first.equals(frameFirst(awaiting.message)) && isWhole };
}
