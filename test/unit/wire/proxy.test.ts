import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalAddress } from '../../../src/core/address.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { decodeProxyHeader, looksLikeProxyHeader } from '../../../src/wire/proxy.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const v2 = (command: string, family: string, block: string, length?: number): Buffer => {
  const bytes = Buffer.from(block.replaceAll(' ', ''), 'hex');
  const size = Buffer.alloc(2);
  size.writeUInt16BE(length ?? bytes.length);
  return Buffer.concat([Buffer.from(SIGNATURE + command + family, 'hex'), size, bytes]);
};
/** 192.0.2.7:5000 → 192.0.2.1:5432 */
const V4_BLOCK = 'c0000207 c0000201 1388 1538';
const V6_BLOCK = `20010db8${'00'.repeat(11)}07 20010db8${'00'.repeat(11)}01 1388 1538`;

/** Reads as a connection is read: never more than was asked for. */
function readStepwise(bytes: Buffer): { header: ReturnType<typeof decodeProxyHeader>; taken: number } {
  let taken = 0;
  for (;;) {
    const header = decodeProxyHeader(bytes.subarray(0, taken));
    if (header.kind !== 'incomplete' || header.needed > bytes.length) return { header, taken };
    expect(header.needed).toBeGreaterThan(taken);
    taken = header.needed;
  }
}

describe('valid headers', () => {
  const source = (address: string, port: number): object => ({ kind: 'source', address, port });
  test.each<[string, Buffer, object]>([
    ['v1 TCP4', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 5000 5432\r\n'), source('192.0.2.7', 5000)],
    ['v1 TCP6', Buffer.from('PROXY TCP6 2001:DB8::7 2001:db8::1 0 65535\r\n'), source('2001:db8::7', 0)],
    ['v1 TCP6, mapped', Buffer.from('PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n'), source('192.0.2.7', 1)],
    ['v1 UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), { kind: 'local' }],
    ['v1 UNKNOWN with words', Buffer.from('PROXY UNKNOWN ff:: ff:: 1 2\r\n'), { kind: 'local' }],
    ['v1 of 107 bytes', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), { kind: 'local' }],
    ['v2 TCP4', v2('21', '11', V4_BLOCK), source('192.0.2.7', 5000)],
    ['v2 TCP6', v2('21', '21', V6_BLOCK), source('2001:db8::7', 5000)],
    [
      'v2 TCP6, mapped',
      v2('21', '21', `${'00'.repeat(10)}ffffc0000207 ${'00'.repeat(16)} 1388 1538`),
      source('192.0.2.7', 5000),
    ],
    ['v2 with TLVs', v2('21', '11', `${V4_BLOCK} 02 0003 616263 04 0000`), source('192.0.2.7', 5000)],
    ['v2 UNIX', v2('21', '31', '00'.repeat(216)), { kind: 'local' }],
    ['v2 unspecified', v2('21', '00', 'ff'), { kind: 'local' }],
    ['v2 LOCAL', v2('20', '00', ''), { kind: 'local' }],
    ['v2 LOCAL with a block to skip', v2('20', '11', V4_BLOCK), { kind: 'local' }],
  ])('%s', (_name, bytes, expected) => {
    const { header, taken } = readStepwise(Buffer.concat([bytes, Buffer.from('behind')]));
    expect(header).toEqual(expected);
    expect(taken).toBe(bytes.length);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const partial = decodeProxyHeader(bytes.subarray(0, cut));
      if (partial.kind !== 'incomplete') throw new Error(`decided after ${cut} bytes`);
      expect(partial.needed).toBeGreaterThan(cut);
      expect(partial.needed).toBeLessThanOrEqual(bytes.length);
    }
  });

  test('a checksum is checked', () => {
    const bytes = v2('21', '11', `${V4_BLOCK} 03 0004 00000000`);
    bytes.writeUInt32BE(crc32c(bytes), bytes.length - 4);
    expect(decodeProxyHeader(bytes)).toEqual({ kind: 'source', address: '192.0.2.7', port: 5000 });
    bytes.writeUInt8(bytes.readUInt8(16) ^ 1, 16);
    expect(() => decodeProxyHeader(bytes)).toThrow('checksum is wrong');
  });

  test('CRC-32C of RFC 9260’s tradition', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a91_36aa);
  });
});

describe('headers that are none', () => {
  test.each<[string, Buffer]>([
    ['SSLRequest', Buffer.from('0000000804d2162f', 'hex')],
    ['a TLS hello', Buffer.from('160301', 'hex')],
    ['HTTP', Buffer.from('POST / HTTP/1.1\r\n')],
    ['v1 in lower case', Buffer.from('proxy tcp4 192.0.2.7 192.0.2.1 1 2\r\n')],
    ['v1 of an unknown family', Buffer.from('PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n')],
    ['v1 without a family', Buffer.from('PROXY \r\n')],
    ['v1 ended by LF alone', Buffer.from('PROXY UNKNOWN\n')],
    ['v1 of 108 bytes', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`)],
    ['v1 without an end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(93)}`)],
    ['v1 with two spaces', Buffer.from('PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n')],
    ['v1 with a word too many', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n')],
    ['v1 with a word too few', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n')],
    ['v1 with an address of the other family', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n')],
    ['v1 with a host name', Buffer.from('PROXY TCP4 localhost 192.0.2.1 1 2\r\n')],
    ['v1 with leading zeros', Buffer.from('PROXY TCP4 192.0.02.7 192.0.2.1 1 2\r\n')],
    ['v1 with a zone', Buffer.from('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n')],
    ['v1 with port 65536', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n')],
    ['v1 with port 01', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n')],
    ['v1 with port -1', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 -1 2\r\n')],
    ['v1 with a NUL', Buffer.from('PROXY TCP4 192.0.2.7\0 192.0.2.1 1 2\r\n')],
    ['v2 of version 1', v2('11', '11', V4_BLOCK)],
    ['v2 of command 2', v2('22', '11', V4_BLOCK)],
    ['v2 UDP4', v2('21', '12', V4_BLOCK)],
    ['v2 of family 4', v2('21', '41', V4_BLOCK)],
    ['v2 TCP4 in 11 bytes', v2('21', '11', V4_BLOCK.slice(0, -2))],
    ['v2 TCP6 in 12 bytes', v2('21', '21', V4_BLOCK)],
    ['v2 UNIX in 215 bytes', v2('21', '31', '00'.repeat(215))],
    ['v2 of 64 KB', v2('21', '11', V4_BLOCK, 65_535)],
    ['v2 with half a TLV head', v2('21', '11', `${V4_BLOCK} 02 00`)],
    ['v2 with a TLV over the end', v2('21', '11', `${V4_BLOCK} 02 0004 616263`)],
    ['v2 with a checksum of 3 bytes', v2('21', '11', `${V4_BLOCK} 03 0003 000000`)],
    ['v2 with a wrong checksum', v2('21', '11', `${V4_BLOCK} 03 0004 00000000`)],
  ])('%s', (_name, bytes) => {
    expect(() => readStepwise(bytes)).toThrow(
      expect.objectContaining({ code: 'wire.proxy_header' }) as Error,
    );
  });

  test('are refused at the first byte that cannot be one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 1 }), ([byte = 0]) => {
        const decode = (): unknown => decodeProxyHeader(Buffer.of(byte));
        if (byte === 0x50 || byte === 0x0d) expect(decode()).toMatchObject({ kind: 'incomplete' });
        else expect(decode).toThrow();
      }),
    );
  });
});

test('any IPv4 and IPv6 source survives both versions', () => {
  const port = fc.nat({ max: 65_535 });
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), port, (address, number) => {
      const family = address.includes(':') ? 'TCP6' : 'TCP4';
      const line = `PROXY ${family} ${address} ${address} ${number} 5432\r\n`;
      expect(decodeProxyHeader(Buffer.from(line))).toEqual({
        kind: 'source',
        address: normalAddress(address),
        port: number,
      });
    }),
  );
});

test.each([
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::FFFF:a00:1', '10.0.0.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['10.0.0.1', '10.0.0.1'],
  ['::1', '::1'],
  ['', null],
  ['127.1', null],
  ['0x7f000001', null],
])('%j is written %j', (given, shown) => {
  expect(normalAddress(given)).toBe(shown);
});

test('what looks like a header', () => {
  expect(looksLikeProxyHeader(Buffer.from('PROX'))).toBe(true);
  expect(looksLikeProxyHeader(Buffer.from('0d0a0d0a', 'hex'))).toBe(true);
  expect(looksLikeProxyHeader(Buffer.from('POST'))).toBe(false);
  expect(looksLikeProxyHeader(Buffer.alloc(0))).toBe(false);
});
