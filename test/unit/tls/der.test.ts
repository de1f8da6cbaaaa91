import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { der, integer, oid, readElement, readOid, TAG, time } from '../../../src/tls/der.ts';

describe('DER', () => {
  test.each([
    ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
    ['2.5.4.3', '0603550403'],
    ['1.3.101.112', '06032b6570'],
    ['2.16.840.1.101.3.4.2.1', '0609608648016503040201'],
  ])('OID %s', (text, hex) => {
    expect(oid(text).toString('hex')).toBe(hex);
    expect(readOid(readElement(oid(text)).content)).toBe(text);
  });

  test.each([
    ['00', '020100'],
    ['0000', '020100'],
    ['7f', '02017f'],
    ['80', '02020080'],
    ['0080', '02020080'],
    ['0102', '02020102'],
  ])('integer %s', (bytes, hex) => {
    expect(integer(Buffer.from(bytes, 'hex')).toString('hex')).toBe(hex);
  });

  test.each([
    ['2049-12-31T23:59:59.999Z', TAG.utcTime, '491231235959Z'],
    ['2050-01-01T00:00:00.000Z', TAG.generalizedTime, '20500101000000Z'],
  ])('time %s', (at, tag, text) => {
    expect(readElement(time(new Date(at)))).toMatchObject({ tag, content: Buffer.from(text) });
  });

  test('what is written is read back, whatever its length', () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(127, 128, 255, 256, 65535, 65536).map((length) => new Uint8Array(length)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(TAG)), content, fc.uint8Array(), (tag, bytes, rest) => {
        const read = readElement(Buffer.concat([der(tag, bytes), rest]));
        expect(read.tag).toBe(tag);
        expect(read.content.equals(bytes) && read.rest.equals(rest)).toBe(true);
      }),
    );
  });

  test('any bytes are read or fail with a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        try {
          const { content, rest } = readElement(Buffer.from(bytes));
          expect(content.length + rest.length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
