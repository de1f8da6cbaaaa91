import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeClientHello, type ClientHello } from '../../../src/tls/client-hello.ts';
import { developmentTls } from '../../../src/tls/development.ts';
import { loadServerTls, type TlsIdentity } from '../../../src/tls/server-tls.ts';
import { clientHellos } from '../../support/client-hellos.ts';
import { nodeHello, opensslAnswers, type TlsAnswer } from '../../support/tls-answers.ts';
import {
  keyShare,
  messageFrom,
  messageOf,
  partsOf,
  record,
  supportedGroups,
  version2Hello,
  withExtensions,
  type HelloParts,
} from '../../support/tls-hellos.ts';

let directory: string;
let identity: TlsIdentity;
/** A hello of TLS 1.3 with a key share for X25519, and one without any. */
let hello: Buffer;
let shareless: Buffer;
let hello12: Buffer;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'patgate-hello-'));
  identity = (
    await loadServerTls(await developmentTls(directory, { names: ['localhost'], now: new Date() }))
  ).current();
  hello = messageOf(await nodeHello({ ecdhCurve: 'X25519:P-256' }));
  shareless = withExtensions(hello, { [KEY_SHARE]: keyShare() });
  hello12 = messageOf(await nodeHello({ maxVersion: 'TLSv1.2' }));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const [GROUPS, VERSIONS, KEY_SHARE] = [10, 43, 51];
const [X25519, P_256, FFDHE] = [0x1d, 0x17, 0x100];
const decode = (bytes: Buffer): ClientHello => decodeClientHello(bytes, identity.groups);

/** Reads as a connection is read: never more than was asked for. */
function readStepwise(bytes: Buffer, decodeBytes = decode): ClientHello {
  let taken = 0;
  for (;;) {
    const result = decodeBytes(bytes.subarray(0, taken));
    if (result.kind !== 'more' || result.needed > bytes.length) return result;
    expect(result.needed).toBeGreaterThan(taken);
    taken = result.needed;
  }
}

/** No byte is asked for that is not there, and none decides before all are there. */
function expectWholeOnly(bytes: Buffer): void {
  for (let cut = 0; cut < bytes.length; cut += 1) {
    const partial = decode(bytes.subarray(0, cut));
    if (partial.kind !== 'more') throw new Error(`${partial.kind} after ${cut} of ${bytes.length} bytes`);
    expect(partial.needed).toBeGreaterThan(cut);
    expect(partial.needed).toBeLessThanOrEqual(bytes.length);
  }
}

/** In records with so many bytes each; the last one has the rest. */
function split(message: Buffer, ...sizes: readonly number[]): Buffer {
  let at = 0;
  const parts = sizes.map((size) => record(message.subarray(at, (at += size))));
  return Buffer.concat([...parts, record(message.subarray(at))]);
}

/** With so many bytes of the extension padding. */
const padded = (length: number): Buffer => {
  const bare = withExtensions(hello, { 21: Buffer.alloc(0) });
  return withExtensions(hello, { 21: Buffer.alloc(length - bare.length) });
};

const EMPTY = Buffer.alloc(0);
const CCS = Buffer.of(1);

/** A message whose head says its length. */
function resized(message: Buffer): Buffer {
  const copy = Buffer.from(message);
  copy.writeUIntBE(copy.length - 4, 1, 3);
  return copy;
}

const doubled = ({ head, extensions }: HelloParts): HelloParts => ({
  head,
  extensions: [...extensions, ...extensions.filter(([type]) => type === GROUPS)],
});

describe('what clients send', () => {
  test('is taken whole, at no byte before', async () => {
    for (const { name, bytes, retried } of await clientHellos(identity)) {
      const behind = Buffer.concat([bytes, Buffer.from('behind')]);
      expect(readStepwise(behind), name).toMatchObject({ kind: 'hello', length: bytes.length, retried });
      expectWholeOnly(bytes);
      const answer: TlsAnswer = retried ? 'HelloRetryRequest' : 'ServerHello';
      expect(await opensslAnswers(identity.context, bytes), name).toEqual([answer]);
      const inBytes = await opensslAnswers(identity.context, ...Array.from(bytes, (byte) => Buffer.of(byte)));
      expect(inBytes, name).toEqual([answer]);
    }
  });
});

describe('hellos, however odd, that OpenSSL answers', () => {
  test.each<[string, () => Buffer]>([
    ['TLS 1.3', () => record(hello)],
    ['TLS 1.2', () => record(hello12)],
    ['a record of SSL 3.0', () => record(hello, 22, 0x0300)],
    ['a record of version 3.255', () => record(hello, 22, 0x03ff)],
    ['an empty record before', () => Buffer.concat([record(EMPTY), record(hello)])],
    ['the head in two records', () => split(hello, 3)],
    ['in records of one byte at first, up to a limit', () => split(hello, ...new Array<number>(7).fill(1))],
    ['an empty record within', () => split(hello, 50, 0, 50)],
    [
      'records of several versions',
      () => Buffer.concat([record(hello.subarray(0, 9), 22, 0x0300), record(hello.subarray(9), 22, 0x0304)]),
    ],
    [
      'TLS 1.2, the next message in the same record',
      () => record(Buffer.concat([hello12, Buffer.of(16, 0, 0, 1)])),
    ],
    [
      '1.2 alone in supported_versions',
      () => record(withExtensions(shareless, { [VERSIONS]: Buffer.of(2, 3, 3) })),
    ],
    ['no supported_versions', () => record(withExtensions(shareless, { [VERSIONS]: null }))],
    [
      'a share of ours behind another',
      () =>
        record(
          withExtensions(hello, {
            [GROUPS]: supportedGroups(FFDHE, X25519),
            [KEY_SHARE]: keyShare([FFDHE, Buffer.alloc(256, 1)], [X25519, Buffer.alloc(32, 9)]),
          }),
        ),
    ],
    ['as long as a record can be', () => record(padded(16_384))],
    ['as long as is taken', () => split(padded(16_388), 16_000)],
  ])('%s', async (_name, make) => {
    const bytes = make();
    expect(readStepwise(Buffer.concat([bytes, record(hello)]))).toMatchObject({
      kind: 'hello',
      length: bytes.length,
      retried: false,
    });
    expectWholeOnly(bytes);
    expect(await opensslAnswers(identity.context, bytes)).toEqual(['ServerHello']);
  });
});

describe('hellos that a server asks to send again', () => {
  test.each<[string, () => Buffer]>([
    ['no key share', () => record(shareless)],
    ['no key share, in two records', () => split(shareless, 70)],
    ['1.3 behind 1.2', () => record(withExtensions(shareless, { [VERSIONS]: Buffer.of(4, 3, 3, 3, 4) }))],
    [
      'a share that is not ours',
      () =>
        record(
          withExtensions(hello, {
            [GROUPS]: supportedGroups(FFDHE, P_256),
            [KEY_SHARE]: keyShare([FFDHE, Buffer.alloc(256, 1)]),
          }),
        ),
    ],
  ])('%s', async (_name, make) => {
    const bytes = make();
    expect(readStepwise(bytes)).toMatchObject({ kind: 'hello', length: bytes.length, retried: true });
    expect(await opensslAnswers(identity.context, bytes)).toEqual(['HelloRetryRequest']);
  });
});

describe('whole hellos that OpenSSL refuses', () => {
  test.each<[string, () => Buffer, TlsAnswer]>([
    ['no key_share', () => record(withExtensions(hello, { [KEY_SHARE]: null })), 'alert 109'],
    ['no supported_groups', () => record(withExtensions(shareless, { [GROUPS]: null })), 'alert 109'],
    [
      'no group in common',
      () => record(withExtensions(shareless, { [GROUPS]: supportedGroups(0x9999) })),
      'alert 40',
    ],
    [
      'supported_versions of three bytes',
      () => record(withExtensions(shareless, { [VERSIONS]: Buffer.of(3, 3, 3, 3) })),
      'alert 70',
    ],
    ['the last extension cut short', () => record(resized(hello.subarray(0, -1))), 'alert 50'],
    ['an extension twice', () => record(messageFrom(doubled(partsOf(hello)))), 'alert 47'],
    ['nothing in it', () => record(Buffer.of(1, 0, 0, 0)), 'alert 50'],
    ['TLS 1.3, the next message in the same record', () => record(Buffer.concat([hello, CCS])), 'alert 10'],
  ])('%s', async (_name, make, alert) => {
    const bytes = make();
    expect(readStepwise(bytes)).toMatchObject({ kind: 'hello', length: bytes.length, retried: false });
    expect(await opensslAnswers(identity.context, bytes)).toEqual([alert]);
  });
});

describe('no hello', () => {
  test.each<[string, () => Buffer, TlsAnswer]>([
    ['HTTP', () => Buffer.from('GET / HTTP/1.1\r\n'), 'closed'],
    ['SSLRequest', () => Buffer.from('0000000804d2162f', 'hex'), 'closed'],
    ['a record of version 2', () => record(hello, 22, 0x0200), 'closed'],
    ['a record of version 4', () => record(hello, 22, 0x0400), 'closed'],
    [
      'a record of version 2 within',
      () => Buffer.concat([split(hello, 3).subarray(0, 8), record(hello, 22, 0x0200)]),
      'alert 70',
    ],
    ['a record that is too long', () => record(padded(16_385)), 'alert 22'],
    ['a warning', () => record(Buffer.of(1, 90), 21), 'alert 10'],
    ['close_notify', () => record(Buffer.of(1, 0), 21), 'alert 10'],
    ['an empty alert', () => record(EMPTY, 21), 'alert 10'],
    [
      'an alert within',
      () => Buffer.concat([record(hello.subarray(0, 3)), record(Buffer.of(1, 90), 21)]),
      'alert 10',
    ],
    ['ChangeCipherSpec', () => record(CCS, 20), 'alert 10'],
    [
      'ChangeCipherSpec within',
      () => Buffer.concat([record(hello.subarray(0, 3)), record(CCS, 20)]),
      'alert 10',
    ],
    ['application data', () => record(CCS, 23), 'alert 10'],
    ['no application data', () => record(EMPTY, 23), 'alert 10'],
    ['an unknown type of record', () => record(EMPTY, 99), 'alert 10'],
    ['HelloRequest', () => record(Buffer.concat([Buffer.of(0, 0, 0, 0), hello])), 'alert 10'],
    ['ServerHello', () => record(Buffer.of(2)), 'alert 10'],
    ['a hello longer than OpenSSL takes', () => record(Buffer.of(1, 2, 1, 0x45)), 'alert 47'],
    [
      'SSL 2.0’s form in the second record',
      () => Buffer.concat([record(EMPTY), version2Hello(0x0303, [0xc02b])]),
      'alert 70',
    ],
  ])('%s', async (_name, make, answer) => {
    const bytes = make();
    // whatever follows
    const more = Buffer.concat([bytes, record(hello)]);
    expect(readStepwise(more)).toEqual({ kind: 'other' });
    expect(decode(more)).toEqual({ kind: 'other' });
    expect(await opensslAnswers(identity.context, more)).toEqual([answer]);
  });
});

describe('what OpenSSL answers and no client sends', () => {
  test.each<[string, () => Buffer, string]>([
    [
      'an empty ChangeCipherSpec',
      () => Buffer.concat([record(EMPTY, 20), record(hello)]),
      'empty ChangeCipherSpec',
    ],
    [
      'an empty ChangeCipherSpec within the head',
      () => Buffer.concat([record(hello.subarray(0, 2)), record(EMPTY, 20), record(hello.subarray(2))]),
      'empty ChangeCipherSpec',
    ],
    [
      'many empty records',
      () => Buffer.concat([...new Array<Buffer>(8).fill(record(EMPTY)), record(hello)]),
      'more than 8 records',
    ],
    ['many records', () => split(hello, ...new Array<number>(8).fill(1)), 'more than 8 records'],
    ['a long hello', () => split(padded(16_389), 16_384), 'ClientHello of 16385 bytes'],
  ])('%s', async (_name, make, reason) => {
    const bytes = make();
    const expected = { kind: 'refused', reason: expect.stringContaining(reason) as string };
    expect(readStepwise(bytes)).toEqual(expected);
    expect(decode(bytes)).toEqual(expected);
    expect(await opensslAnswers(identity.context, bytes)).toEqual(['ServerHello']);
  });
});

test.each<[string, () => Buffer]>([
  ['of TLS 1.2', () => version2Hello(0x0303, [0xc02b, 0xc02f, 0x9c])],
  ['of its own', () => version2Hello(0x0002, [0xc02b])],
  ['without content', () => Buffer.of(0x80, 0, 1, 3, 3)],
  ['that is too long', () => version2Hello(0x0303, [0xc02b], 16_373)],
])('a hello in the form of SSL 2.0, %s, is refused', (_name, make) => {
  const expected = { kind: 'refused', reason: 'ClientHello in the form of SSL 2.0' };
  expect(readStepwise(make())).toEqual(expected);
});

describe('the second hello', () => {
  test('cannot begin in a record of the first', async () => {
    const bytes = Buffer.concat([shareless, hello.subarray(0, 5)]);
    expect(decode(record(bytes))).toMatchObject({ kind: 'hello', retried: true });
    const answers = await opensslAnswers(identity.context, record(bytes), record(hello.subarray(5)));
    expect(answers).toEqual(['alert 10']);
  });
});
