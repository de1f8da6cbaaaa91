import { afterAll, beforeAll, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeClientHello, type ClientHello } from '../../src/tls/client-hello.ts';
import { developmentTls } from '../../src/tls/development.ts';
import { loadServerTls, type TlsIdentity } from '../../src/tls/server-tls.ts';
import { clientHellos } from '../support/client-hellos.ts';
import { opensslAnswers, type TlsAnswer } from '../support/tls-answers.ts';
import { keyShare, messageOf, record, withExtensions } from '../support/tls-hellos.ts';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from './mutate.ts';

type Random = (below: number) => number;

const [EARLY_DATA, KEY_SHARE] = [42, 51];
/** Each is a handshake of OpenSSL's. */
const RUNS = Math.ceil(FUZZ_RUNS / 15);

let directory: string;
let identity: TlsIdentity;
/** Handshake messages of each client: what it sends first, in some with no key share, and what it sends when asked for one. */
let clients: Buffer[][];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'patgate-hello-'));
  const files = await developmentTls(directory, { names: ['localhost'], now: new Date() });
  identity = (await loadServerTls(files)).current();
  const hellos = (await clientHellos(identity)).map(({ bytes }) => messageOf(bytes));
  const shareless = { [EARLY_DATA]: Buffer.alloc(0), [KEY_SHARE]: keyShare() };
  clients = hellos.flatMap((hello) => [[hello], [withExtensions(hello, shareless), hello]]);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Reads as a connection is read: never more than was asked for. */
function readStepwise(bytes: Buffer): ClientHello {
  for (let taken = 0; ;) {
    const result = decode(bytes.subarray(0, taken));
    if (result.kind === 'hello') expect(result.length).toBe(taken);
    if (result.kind !== 'more' || result.needed > bytes.length) return result;
    expect(result.needed).toBeGreaterThan(taken);
    taken = result.needed;
  }
}

const decode = (bytes: Buffer): ClientHello => decodeClientHello(bytes, identity.groups);

/** What may come between two records of a hello, or before the first. */
const STRAY: readonly ((random: Random) => Buffer)[] = [
  () => record(Buffer.alloc(0)),
  () => record(Buffer.of(1), 20),
  () => record(Buffer.alloc(0), 20),
  (random) => record(Buffer.of(1 + random(2), [0, 90, 100][random(3)] ?? 0), 21),
  (random) => record(Buffer.alloc(random(40)), 23),
  (random) => record(Buffer.alloc(random(3), random(256)), random(256)),
];
const stray = (random: Random): Buffer => STRAY[random(STRAY.length)]?.(random) ?? Buffer.alloc(0);
const VERSIONS = [0x0301, 0x0301, 0x0301, 0x0303, 0x0303, 0x0300, 0x0304, 0x0200];

/** What one client sends, often with a few things wrong. */
function someHellos(random: Random): Buffer {
  const client = clients[random(clients.length)] ?? [];
  // between two hellos more is allowed than anywhere else
  const between = random(2) === 0 ? Buffer.alloc(0) : stray(random);
  const [first, second] = client.map((message) => inRecords(message, random));
  return Buffer.concat([first, between, second].filter((part) => part !== undefined));
}

/** In one or more records, sometimes with something between them. */
function inRecords(hello: Buffer, random: Random): Buffer {
  const message = random(4) === 0 ? mutated([hello, ...clients.flat()], random) : hello;
  const records: Buffer[] = [];
  for (let at = 0; at < message.length;) {
    if (random(20) === 0) records.push(stray(random));
    const size = random(3) === 0 ? random(10) : random(2000);
    records.push(record(message.subarray(at, at + size), 22, VERSIONS[random(VERSIONS.length)]));
    at += size;
  }
  const bytes = Buffer.concat(records);
  return random(6) === 0 ? mutated([bytes], random) : bytes;
}

/** Throws where a hello that OpenSSL answers is not seen for what it is. */
function compare(bytes: Buffer, answers: readonly TlsAnswer[]): void {
  const first = readStepwise(bytes);
  if (first.kind === 'refused') return;
  if (answers[0] === 'ServerHello') expect(first).toMatchObject({ kind: 'hello', retried: false });
  if (answers[0] === 'HelloRetryRequest') expect(first).toMatchObject({ kind: 'hello', retried: true });
}

test('where OpenSSL answers there was a hello, and where it asks for another one that was foreseen', async () => {
  const random = randomNumbers(FUZZ_SEED);
  const seen = new Map<string, number>();
  for (let run = 0; run < RUNS; run += 1) {
    const bytes = someHellos(random);
    const cut = random(bytes.length + 1);
    const answers = await opensslAnswers(identity.context, bytes.subarray(0, cut), bytes.subarray(cut));
    try {
      compare(bytes, answers);
    } catch (cause) {
      throw new Error(`seed ${FUZZ_SEED}, run ${run}: ${answers.join(', ')} to ${bytes.toString('hex')}`, {
        cause,
      });
    }
    const outcome = answers.filter((answer) => !answer.startsWith('alert')).join(', ');
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  }
  for (const outcome of ['ServerHello', 'HelloRetryRequest', 'HelloRetryRequest, ServerHello', '']) {
    expect(seen.get(outcome) ?? 0, outcome).toBeGreaterThan(RUNS / 100);
  }
}, 3_600_000);

test('any bytes are followed without an error', () => {
  const random = randomNumbers(FUZZ_SEED);
  const kinds = new Set<string>();
  for (let run = 0; run < FUZZ_RUNS / 4; run += 1) {
    const bytes = someHellos(random);
    const inOne = decode(bytes);
    kinds.add(inOne.kind);
    expect(readStepwise(bytes), `seed ${FUZZ_SEED}, run ${run}`).toEqual(inOne);
  }
  expect([...kinds].sort()).toEqual(['hello', 'more', 'other', 'refused']);
}, 3_600_000);
