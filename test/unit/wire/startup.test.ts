import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../src/core/errors.ts';
import { decodeFirstPacket, unsupportedProtocol } from '../../../src/wire/startup.ts';

/** The packet as it follows the length word. */
function packet(version: number, ...strings: string[]): Buffer {
  const code = Buffer.alloc(4);
  code.writeInt32BE(version);
  return Buffer.concat([code, ...strings.map((text) => Buffer.from(`${text}\0`, 'latin1'))]);
}

const V3_0 = 0x3_0000;

describe('requests that are no start-up message', () => {
  test.each([
    ['SSLRequest', 80877103, 'ssl'],
    ['GSSENCRequest', 80877104, 'gssenc'],
  ])('%s', (_name, code, kind) => {
    expect(decodeFirstPacket(packet(code))).toEqual({ kind });
    expect(() => decodeFirstPacket(packet(code, 'x'))).toThrow(GatewayError);
  });

  test.each([4, 32, 256])('CancelRequest with a key of %d bytes', (length) => {
    const key = Buffer.alloc(length, 7);
    const bytes = Buffer.concat([packet(80877102), Buffer.from([0xff, 0xff, 0xff, 0xfe]), key]);
    expect(decodeFirstPacket(bytes)).toEqual({ kind: 'cancel', processId: -2, key });
  });

  test.each([0, 3, 257])('CancelRequest with a key of %d bytes is malformed', (length) => {
    const bytes = Buffer.concat([packet(80877102), Buffer.alloc(4 + length)]);
    expect(() => decodeFirstPacket(bytes)).toThrow(`cancel key of ${length} bytes`);
  });

  test.each([
    ['2.0', 0x2_0000, { major: 2, minor: 0 }],
    ['4.1', 0x4_0001, { major: 4, minor: 1 }],
    ['1234.9', (1234 << 16) | 9, { major: 1234, minor: 9 }],
    ['65535.65535', -1, { major: 65535, minor: 65535 }],
  ])('protocol %s is another one', (_name, version, numbers) => {
    expect(decodeFirstPacket(packet(version))).toEqual({ kind: 'unsupported', ...numbers });
  });

  test('protocol 2 is refused in PostgreSQL’s words', () => {
    expect(unsupportedProtocol(2, 0).client).toEqual({
      severity: 'FATAL',
      sqlState: '0A000',
      message: 'unsupported frontend protocol 2.0: server supports 3.0 to 3.2',
    });
  });
});

describe('StartupMessage', () => {
  test('names, parameters in order and verbatim, protocol options apart', () => {
    const bytes = packet(
      0x3_270f,
      ...['DateStyle', 'ISO', 'user', 'ada', '_pq_.one', '', 'client_encoding', "'utf-8'"],
      ...['database', 'sales', 'application_name', '\xe4\xff', '_pq_.two', 'x', 'DateStyle', 'SQL', ''],
    );
    expect(decodeFirstPacket(bytes)).toEqual({
      kind: 'startup',
      protocol: { major: 3, minor: 9999 },
      user: 'ada',
      database: 'sales',
      parameters: [
        { name: 'DateStyle', value: Buffer.from('ISO') },
        { name: 'client_encoding', value: Buffer.from("'utf-8'") },
        { name: 'application_name', value: Buffer.from([0xe4, 0xff]) },
        { name: 'DateStyle', value: Buffer.from('SQL') },
      ],
      protocolOptions: ['_pq_.one', '_pq_.two'],
    });
  });

  test.each([
    ['no database', ['user', 'ada', '']],
    ['an empty database', ['user', 'ada', 'database', '', '']],
  ])('%s is null', (_name, strings) => {
    expect(decodeFirstPacket(packet(V3_0, ...strings))).toMatchObject({ user: 'ada', database: null });
  });

  test('a name given twice: the last counts, as in PostgreSQL', () => {
    const bytes = packet(V3_0, 'user', 'eve', 'user', 'ada', '');
    expect(decodeFirstPacket(bytes)).toMatchObject({ user: 'ada', parameters: [] });
  });

  test('names longer than PostgreSQL’s 63 bytes are kept whole', () => {
    const user = 'u'.repeat(70);
    expect(decodeFirstPacket(packet(V3_0, 'user', user, ''))).toMatchObject({ user });
  });

  test.each<[string, Buffer, string]>([
    ['nothing at all', Buffer.alloc(0), '08P01'],
    ['only a version', packet(V3_0), '08P01'],
    ['no terminator', packet(V3_0, 'user', 'ada'), '08P01'],
    ['an odd count', packet(V3_0, 'user', 'ada', 'database', ''), '08P01'],
    ['an unterminated value', Buffer.concat([packet(V3_0, 'user'), Buffer.from('ada')]), '08P01'],
    ['bytes behind the terminator', packet(V3_0, 'user', 'ada', '', ''), '08P01'],
    ['a user that is no UTF-8', packet(V3_0, 'user', '\xff\xfe', ''), '08P01'],
    ['a database that is no UTF-8', packet(V3_0, 'user', 'ada', 'database', '\xc0', ''), '08P01'],
    ['a name that is no UTF-8', packet(V3_0, '\xff', 'x', 'user', 'ada', ''), '08P01'],
    ['no user', packet(V3_0, 'database', 'sales', ''), '28000'],
    ['an empty user', packet(V3_0, 'user', '', ''), '28000'],
  ])('%s', (_name, bytes, sqlState) => {
    const thrown = (() => {
      try {
        return decodeFirstPacket(bytes);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(GatewayError);
    expect(thrown).toMatchObject({ client: { severity: 'FATAL', sqlState } });
  });
});
