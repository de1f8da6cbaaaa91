import fc from 'fast-check';
import { serialize } from 'pg-protocol';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../src/core/errors.ts';
import { encodeBackend, type BackendMessage } from '../../../src/wire/backend.ts';
import { decodeBackend } from '../../../src/wire/backend-decode.ts';
import {
  decodePassword,
  decodeSaslInitial,
  decodeSaslResponse,
  encodeFrontend,
} from '../../../src/wire/frontend.ts';

const body = (frame: Buffer): Buffer => frame.subarray(5);
const string = fc.string({ unit: 'binary', maxLength: 60 }).map((value) => value.replaceAll('\0', ''));

describe('what clients send at login', () => {
  test('passwords as pg-protocol writes them', () => {
    fc.assert(
      fc.property(string, (password) => {
        expect(decodePassword(body(serialize.password(password))).toString()).toBe(password);
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['no terminator', 'secret'],
    ['bytes behind the terminator', 'sec\0ret\0'],
    ['two terminators', 'secret\0\0'],
  ])('a password message with %s is malformed', (_name, bytes) => {
    expect(() => decodePassword(Buffer.from(bytes))).toThrow(GatewayError);
  });

  test('an initial SASL response as pg-protocol writes it, and one without data', () => {
    const initial = serialize.sendSASLInitialResponseMessage('SCRAM-SHA-256', 'n,,n=*,r=abc');
    expect(decodeSaslInitial(body(initial))).toEqual({
      mechanism: 'SCRAM-SHA-256',
      data: Buffer.from('n,,n=*,r=abc'),
    });
    const none = encodeFrontend({ kind: 'saslInitialResponse', mechanism: 'SCRAM-SHA-256', data: null });
    expect(decodeSaslInitial(body(none))).toEqual({ mechanism: 'SCRAM-SHA-256', data: null });
  });

  test.each([
    ['no terminator after the mechanism', Buffer.from('SCRAM')],
    ['no length', Buffer.from('S\0\0\0\0')],
    ['a length of -2', Buffer.from('S\0\xff\xff\xff\xfe', 'latin1')],
    ['a length over the end', Buffer.from('S\0\0\0\0\x05abcd')],
    ['bytes over the length', Buffer.from('S\0\0\0\0\x02abcd')],
    ['bytes behind no data', Buffer.from('S\0\xff\xff\xff\xffx', 'latin1')],
  ])('an initial SASL response with %s is malformed', (_name, bytes) => {
    expect(() => decodeSaslInitial(bytes)).toThrow(GatewayError);
  });

  test.each([
    ['SCRAM-SHA-256', 1024, true],
    ['SCRAM-SHA-256', 1025, false],
    ['SCRAM-SHA-256-PLUS', 1025, false],
    ['OAUTHBEARER', 5000, true],
  ])('%s with %d bytes', (mechanism, length, allowed) => {
    const frame = encodeFrontend({
      kind: 'saslInitialResponse',
      mechanism,
      data: Buffer.alloc(length, 0x61),
    });
    const decode = (): unknown => decodeSaslInitial(body(frame));
    if (allowed) expect(decode()).toMatchObject({ mechanism });
    else expect(decode).toThrow('longer than 1024');
  });

  test('a SASL response is all of the body, up to 1,024 bytes', () => {
    expect(decodeSaslResponse(Buffer.alloc(1024))).toHaveLength(1024);
    expect(() => decodeSaslResponse(Buffer.alloc(1025))).toThrow('longer than 1024');
  });
});

describe('what an engine sends before its first ReadyForQuery', () => {
  const same: BackendMessage[] = [
    { kind: 'authenticationOk' },
    { kind: 'authenticationCleartextPassword' },
    { kind: 'authenticationSASL', mechanisms: ['SCRAM-SHA-256'] },
    { kind: 'authenticationSASLContinue', data: Buffer.from('r=x') },
    { kind: 'authenticationSASLFinal', data: Buffer.from('v=x') },
    { kind: 'backendKeyData', processId: -5, key: Buffer.alloc(4, 1) },
    { kind: 'backendKeyData', processId: 5, key: Buffer.alloc(256, 1) },
    { kind: 'parameterStatus', name: 'server_version', value: '18.0' },
    { kind: 'readyForQuery', status: 'E' },
  ];
  test.each(same.map((message) => [message.kind, message] as const))('%s', (_kind, message) => {
    const frame = encodeBackend(message);
    expect(decodeBackend({ type: frame.readUInt8(0), body: body(frame) })).toEqual(message);
  });

  const from = (type: string, hex: string): (() => unknown) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    return () => decodeBackend({ type: type.charCodeAt(0), body: bytes });
  };

  test('MD5, and requests that we do not speak', () => {
    expect(from('R', '00000005 01020304')()).toEqual({
      kind: 'authenticationMD5Password',
      salt: Buffer.from([1, 2, 3, 4]),
    });
    expect(from('R', '00000007')()).toEqual({ kind: 'authenticationOther', request: 7 });
    expect(from('R', '00000009 ffff')()).toEqual({ kind: 'authenticationOther', request: 9 });
  });

  test('NegotiateProtocolVersion', () => {
    expect(from('v', '00030000 00000002 6100 6200')()).toEqual({
      ...{ kind: 'negotiateProtocolVersion', major: 3, minor: 0, unknownOptions: ['a', 'b'] },
    });
  });

  test('fields of errors and notices by their letter', () => {
    const fields = new Map([
      ['S', 'FATAL'],
      ['C', '3D000'],
      ['M', 'no'],
    ]);
    const hex = Buffer.from('SFATAL\0C3D000\0Mno\0\0').toString('hex');
    expect(from('E', hex)()).toEqual({ kind: 'errorResponse', fields });
    expect(from('N', hex)()).toEqual({ kind: 'noticeResponse', fields });
  });

  test.each([
    ['R cut short', 'R', '000000'],
    ['R Ok with bytes behind', 'R', '00000000 00'],
    ['R MD5 with 3 bytes of salt', 'R', '00000005 010203'],
    ['R MD5 with 5 bytes of salt', 'R', '00000005 0102030405'],
    ['R SASL without an end', 'R', '0000000a 6100'],
    ['K without a key', 'K', '00000001'],
    ['K with 3 bytes of key', 'K', '00000001 010203'],
    ['K with 257 bytes of key', 'K', `00000001 ${'00'.repeat(257)}`],
    ['S with one string', 'S', '6100'],
    ['S with three strings', 'S', '610062006300'],
    ['Z of an unknown status', 'Z', '58'],
    ['Z of two bytes', 'Z', '4949'],
    ['Z of none', 'Z', ''],
    ['v that counts more than it holds', 'v', '00030000 7fffffff 6100'],
    ['v that counts less', 'v', '00030000 00000000 6100'],
    ['v with a negative count', 'v', '00030000 ffffffff'],
    ['E without an end', 'E', '5300'],
    ['E with bytes behind its end', 'E', '0000'],
    ['T, which has no place there', 'T', '0000'],
  ])('%s is the engine’s mistake', (_name, type, hex) => {
    expect(from(type, hex)).toThrow(GatewayError);
    expect(from(type, hex)).toThrow(expect.objectContaining({ code: 'engine.protocol' }) as Error);
  });
});
