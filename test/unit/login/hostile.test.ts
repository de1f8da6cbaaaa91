import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startClientExchange } from '../../../src/scram/client-exchange.ts';
import { deriveKeys } from '../../../src/scram/keys.ts';
import { frame } from '../../../src/wire/frame.ts';
import { startLoginServer, type LoginServer } from '../../support/login-server.ts';
import { MemoryCredentials } from '../../support/memory-credentials.ts';
import { WireClient } from '../../support/wire-client.ts';

const credentials = new MemoryCredentials();
let server: LoginServer;

beforeAll(async () => {
  server = await startLoginServer({ credentials });
  await credentials.addUser('ada', { password: 'right' });
});

beforeEach(() => {
  server.deps = { ...server.deps, method: 'scram-sha-256' };
});

afterAll(() => server.close());

const PLAIN = { mechanism: 'SCRAM-SHA-256', gs2Header: 'n,,', channelBinding: Buffer.from('n,,') } as const;
const p = (body: Buffer | string) => frame(0x70, Buffer.from(body));

/** Up to the list of mechanisms. */
async function asked(tls = false): Promise<WireClient> {
  const client = await WireClient.connect({ port: server.port, tls });
  client.startup('ada');
  await client.authentication();
  return client;
}

async function refusal(client: WireClient): Promise<{ sqlState: string; code: string }> {
  const verdict = await client.verdict();
  const ending = await server.ending();
  client.destroy();
  return {
    sqlState: verdict?.ok === false ? verdict.sqlState : JSON.stringify(verdict),
    code: ending.kind === 'refused' ? ending.error.code : ending.kind,
  };
}

const violation = { sqlState: '08P01', code: 'login.scram_violation' };
const malformed = { sqlState: '08P01', code: 'wire.malformed' };

describe('in place of the SASL initial response', () => {
  const initial = (mechanism: string, length: number, data: string) =>
    p(Buffer.concat([Buffer.from(`${mechanism}\0`), int32(length), Buffer.from(data)]));
  test.each([
    { title: 'a query', bytes: frame(0x51, Buffer.from('select 1\0')), result: malformed },
    { title: 'Terminate', bytes: frame(0x58), result: malformed },
    { title: 'a password', bytes: p('right\0'), result: malformed },
    { title: 'nothing in it', bytes: p(''), result: malformed },
    {
      title: 'a mechanism not offered',
      bytes: initial('SCRAM-SHA-1', 12, 'n,,n=,r=abcd'),
      result: malformed,
    },
    {
      title: 'PLUS without TLS',
      bytes: initial('SCRAM-SHA-256-PLUS', 12, 'n,,n=,r=abcd'),
      result: malformed,
    },
    { title: 'OAUTHBEARER', bytes: initial('OAUTHBEARER', 3, 'n,,'), result: malformed },
    { title: 'a mechanism without end', bytes: p('SCRAM-SHA-256'), result: malformed },
    {
      title: 'a length beyond the message',
      bytes: initial('SCRAM-SHA-256', 99, 'n,,n=,r=abcd'),
      result: malformed,
    },
    {
      title: 'a length short of the message',
      bytes: initial('SCRAM-SHA-256', 3, 'n,,n=,r=abcd'),
      result: malformed,
    },
    { title: 'a length of -2', bytes: initial('SCRAM-SHA-256', -2, ''), result: malformed },
    { title: 'a length of 2 GB', bytes: initial('SCRAM-SHA-256', 0x7fffffff, ''), result: malformed },
    { title: 'empty data', bytes: initial('SCRAM-SHA-256', 0, ''), result: violation },
    {
      title: '1,025 bytes',
      bytes: initial('SCRAM-SHA-256', 1025, `n,,n=,r=${'a'.repeat(1017)}`),
      result: malformed,
    },
    { title: 'a message of 1 GB', bytes: Buffer.from([0x70, 0x40, 0, 0, 0]), result: malformed },
    {
      title: 'a message of negative length',
      bytes: Buffer.from([0x70, 0xff, 0xff, 0xff, 0xff]),
      result: malformed,
    },
    { title: 'a message of length 3', bytes: Buffer.from([0x70, 0, 0, 0, 3]), result: malformed },
  ])('$title', async ({ bytes, result }) => {
    const client = await asked();
    credentials.calls.length = 0;
    client.send(bytes);
    expect(await refusal(client)).toEqual(result);
    expect(credentials.calls).toEqual([]);
  });

  test.each([
    { text: 'n,a=admin,n=,r=abcd', result: { sqlState: '0A000', code: 'login.scram_violation' } },
    { text: 'n,,m=x,n=,r=abcd', result: { sqlState: '0A000', code: 'login.scram_violation' } },
    { text: 'n,,n=,r=abcd,m=x', result: { sqlState: '0A000', code: 'login.scram_violation' } },
    { text: 'n,,n=,r=', result: violation },
    { text: 'n,,r=abcd', result: violation },
    { text: 'p=tls-server-end-point,,n=,r=abcd', result: violation },
  ])('$text', async ({ text, result }) => {
    const client = (await asked()).saslInitial('SCRAM-SHA-256', text);
    expect(await refusal(client)).toEqual(result);
  });
});

describe('channel binding over TLS', () => {
  const binding = { sqlState: '28000', code: 'login.channel_binding' };
  const header = Buffer.from('p=tls-server-end-point,,');
  const plus = (hash: Buffer) =>
    ({
      mechanism: 'SCRAM-SHA-256-PLUS',
      gs2Header: header.toString(),
      channelBinding: Buffer.concat([header, hash]),
    }) as const;

  test('stripped from the list by somebody in between', async () => {
    const client = (await asked(true)).saslInitial('SCRAM-SHA-256', 'y,,n=,r=abcd');
    expect(await refusal(client)).toEqual(binding);
  });

  test('to another certificate, with the right password', async () => {
    const client = (await WireClient.connect({ port: server.port, tls: true })).startup('ada');
    await client.scram('right', { mechanism: plus(randomBytes(32)) });
    expect(await refusal(client)).toEqual(binding);
  });

  test('forgotten in the final message', async () => {
    const client = (await WireClient.connect({ port: server.port, tls: true })).startup('ada');
    await client.scram('right', { mechanism: { ...plus(randomBytes(32)), channelBinding: header } });
    expect(await refusal(client)).toEqual(binding);
  });

  test('to this certificate, with the right password', async () => {
    const client = (await WireClient.connect({ port: server.port, tls: true })).startup('ada');
    await client.scram('right', { mechanism: plus(server.endPointHash) });
    expect(await client.verdict()).toEqual({ ok: true });
    expect(await server.ending()).toMatchObject({ principal: { mechanism: 'scram-sha-256-plus' } });
    client.destroy();
  });

  test('claimed with the plain mechanism', async () => {
    const client = (await asked(true)).saslInitial('SCRAM-SHA-256', 'p=tls-server-end-point,,n=,r=abcd');
    expect(await refusal(client)).toEqual(violation);
  });

  test('of a type that is not offered', async () => {
    const client = (await asked(true)).saslInitial('SCRAM-SHA-256-PLUS', 'p=tls-unique,,n=,r=abcd');
    expect(await refusal(client)).toEqual(violation);
  });
});

describe('y,, without TLS, where PLUS is not offered', () => {
  test('is accepted', async () => {
    const client = (await WireClient.connect({ port: server.port })).startup('ada');
    const mechanism = { ...PLAIN, gs2Header: 'y,,', channelBinding: Buffer.from('y,,') };
    await client.scram('right', { mechanism });
    expect(await client.verdict()).toEqual({ ok: true });
    await server.ending();
    client.destroy();
  });
});

test('a client that sends no initial response gets an empty challenge', async () => {
  const client = (await asked()).saslInitial('SCRAM-SHA-256', null);
  expect(await client.authentication()).toEqual({ request: 11, data: Buffer.alloc(0) });
  const exchange = startClientExchange(PLAIN);
  client.saslResponse(exchange.message);
  const final = await exchange.answer((await client.authentication()).data, (parameters) =>
    deriveKeys('right', parameters),
  );
  client.saslResponse(final.message);
  final.finish((await client.authentication()).data);
  expect(await client.verdict()).toEqual({ ok: true });
  await server.ending();
  client.destroy();
});

describe('in place of the proof', () => {
  /** Up to server-first-message; gives the right client-final-message. */
  async function challenged(): Promise<{ client: WireClient; right: string }> {
    const exchange = startClientExchange(PLAIN, 'abcdefgh');
    const client = (await asked()).saslInitial('SCRAM-SHA-256', exchange.message);
    const { data } = await client.authentication();
    const final = await exchange.answer(data, (parameters) => deriveKeys('right', parameters));
    return { client, right: final.message.toString() };
  }

  interface Change {
    readonly title: string;
    readonly change: (right: string) => Buffer;
    readonly result: { sqlState: string; code: string };
  }
  const changes: readonly Change[] = [
    { title: 'a query', change: () => frame(0x51, Buffer.from('select 1\0')), result: malformed },
    { title: 'nothing', change: () => p(''), result: violation },
    { title: 'the first message again', change: () => p('n,,n=,r=abcdefgh'), result: violation },
    {
      title: 'another nonce',
      change: (right) => p(right.replace(/r=[^,]+/, 'r=abcdefghi')),
      result: violation,
    },
    {
      title: 'the own part of the nonce only',
      change: (right) => p(right.replace(/r=[^,]+/, 'r=abcdefgh')),
      result: violation,
    },
    { title: 'a longer nonce', change: (right) => p(right.replace(/(r=[^,]+)/, '$1x')), result: violation },
    { title: 'another header', change: (right) => p(right.replace('c=biws', 'c=eSws')), result: violation },
    {
      title: 'binding data',
      change: (right) => p(right.replace('c=biws', `c=${Buffer.from('n,,x').toString('base64')}`)),
      result: violation,
    },
    {
      title: 'a short proof',
      change: (right) => p(right.replace(/p=.*/, `p=${randomBytes(31).toString('base64')}`)),
      result: violation,
    },
    {
      title: 'a proof in bad base64',
      change: (right) => p(right.replace(/p=..../, 'p=!!!!')),
      result: violation,
    },
    { title: 'no proof', change: (right) => p(right.replace(/,p=.*/, '')), result: violation },
    {
      title: 'a mandatory extension',
      change: (right) => p(right.replace(',p=', ',m=x,p=')),
      result: { sqlState: '0A000', code: 'login.scram_violation' },
    },
    { title: 'an extension after the proof', change: (right) => p(`${right},x=y`), result: violation },
    { title: 'a zero byte at the end', change: (right) => p(`${right}\0`), result: violation },
    {
      title: 'more than 1,024 bytes',
      change: (right) => p(right.replace(',p=', `,x=${'y'.repeat(1024)},p=`)),
      result: malformed,
    },
    {
      title: 'a wrong proof',
      change: (right) => p(right.replace(/p=.*/, `p=${randomBytes(32).toString('base64')}`)),
      result: { sqlState: '28P01', code: 'login.wrong_secret' },
    },
    {
      title: 'a proof of all zeros',
      change: (right) => p(right.replace(/p=.*/, `p=${Buffer.alloc(32).toString('base64')}`)),
      result: { sqlState: '28P01', code: 'login.wrong_secret' },
    },
    {
      title: 'an extension that the proof does not cover',
      change: (right) => p(right.replace(',p=', ',x=y,p=')),
      result: { sqlState: '28P01', code: 'login.wrong_secret' },
    },
  ];
  test.each(changes)('$title', async ({ change, result }) => {
    const { client, right } = await challenged();
    client.send(change(right));
    expect(await refusal(client)).toEqual(result);
  });

  test('the right proof, byte by byte', async () => {
    const { client, right } = await challenged();
    for (const byte of p(right)) client.send(Buffer.of(byte));
    expect(await client.verdict()).toEqual({ ok: true });
    await server.ending();
    client.destroy();
  });

  test('a proof recorded in an earlier login', async () => {
    const { client: first, right } = await challenged();
    first.saslResponse(right);
    expect(await first.verdict()).toEqual({ ok: true });
    await server.ending();
    const { client: second } = await challenged();
    second.saslResponse(right);
    expect(await refusal(second)).toEqual(violation);
    first.destroy();
  });

  test('any mutation of the right one is refused, and never crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(200), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const { client, right } = await challenged();
        const bytes = Buffer.from(right);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ flip;
        client.saslResponse(bytes);
        expect(['08P01', '0A000', '28P01']).toContain((await refusal(client)).sqlState);
      }),
      { numRuns: 150 },
    );
  });

  test('a close: the client left', async () => {
    const { client } = await challenged();
    client.destroy();
    expect(await server.ending()).toEqual({ kind: 'left' });
  });
});

describe('in place of a password', () => {
  beforeEach(() => {
    server.deps = { ...server.deps, method: 'cleartext' };
  });

  test.each([
    { title: 'a query', bytes: frame(0x51, Buffer.from('select 1\0')), result: malformed },
    { title: 'no NUL at the end', bytes: p('right'), result: malformed },
    { title: 'two strings', bytes: p('right\0right\0'), result: malformed },
    { title: 'nothing in it', bytes: p(''), result: malformed },
    { title: '65,536 bytes', bytes: p(`${'a'.repeat(65_535)}\0`), result: malformed },
    { title: 'a message of 1 GB', bytes: Buffer.from([0x70, 0x40, 0, 0, 0]), result: malformed },
    {
      title: 'a SASL response',
      bytes: p(Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), int32(-1)])),
      result: malformed,
    },
    {
      title: 'a wrong password',
      bytes: p('wrong\0'),
      result: { sqlState: '28P01', code: 'login.wrong_secret' },
    },
    {
      title: 'an empty password',
      bytes: p('\0'),
      result: { sqlState: '28P01', code: 'login.empty_password' },
    },
    {
      title: '65,534 bytes',
      bytes: p(`${'a'.repeat(65_534)}\0`),
      result: { sqlState: '28P01', code: 'login.wrong_secret' },
    },
    {
      title: 'no UTF-8',
      bytes: p(Buffer.from([0xff, 0xfe, 0])),
      result: { sqlState: '28P01', code: 'login.wrong_secret' },
    },
  ])('$title', async ({ bytes, result }) => {
    const client = (await asked(true)).send(bytes);
    expect(await refusal(client)).toEqual(result);
  });

  test('a close: the client left, and nothing was looked up', async () => {
    credentials.calls.length = 0;
    const client = await asked(true);
    client.end();
    expect(await server.ending()).toEqual({ kind: 'left' });
    expect(credentials.calls).toEqual([]);
    client.destroy();
  });

  test('half a message and a close', async () => {
    const client = (await asked(true)).send(p('right\0').subarray(0, 7));
    client.end();
    expect(await refusal(client)).toEqual(malformed);
  });
});

test('garbage after the start-up packet, of any kind', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (garbage) => {
      const client = (await asked()).send(garbage);
      client.end();
      const { sqlState, code } = await refusal(client);
      expect([malformed, violation]).toContainEqual({ sqlState, code });
    }),
    { numRuns: 150 },
  );
});

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
