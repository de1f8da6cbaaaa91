import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GatewayError } from '../../src/core/errors.ts';
import { decodeBackend } from '../../src/wire/backend-decode.ts';
import { decodePassword, decodeSaslInitial, decodeSaslResponse } from '../../src/wire/frontend.ts';
import { negotiate } from '../../src/wire/negotiate.ts';
import { decodeProxyHeader } from '../../src/wire/proxy.ts';
import { decodeFirstPacket } from '../../src/wire/startup.ts';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from './mutate.ts';
import { ADA, cancelRequest, int32, SSL_REQUEST, startup, text, typed } from './packets.ts';

const bodies = (...frames: Buffer[]): Buffer[] => frames.map((frame) => frame.subarray(5));

/** Each decoder, with inputs that it takes. What comes out must be usable, and what is thrown a GatewayError. */
const DECODERS: Readonly<Record<string, { corpus: Buffer[]; decode: (bytes: Buffer) => unknown }>> = {
  'start-up': {
    corpus: [
      ADA,
      SSL_REQUEST,
      cancelRequest(1, Buffer.alloc(32, 7)),
      startup(0x3_270f, { user: 'ada', '_pq_.x': '1', options: '-c x=y', client_encoding: "'utf-8'" }),
    ].map((packet) => packet.subarray(4)),
    decode(bytes) {
      const first = decodeFirstPacket(bytes);
      return first.kind === 'startup' ? negotiate(first) : first;
    },
  },
  password: { corpus: bodies(typed('p', text('secret'))), decode: decodePassword },
  'SASL initial response': {
    corpus: bodies(typed('p', text('SCRAM-SHA-256'), int32(9), Buffer.from('n,,n=,r=x'))),
    decode: decodeSaslInitial,
  },
  'SASL response': {
    corpus: [Buffer.from('c=biws,r=x,p=AAAA'), Buffer.alloc(1020, 0x61)],
    decode: decodeSaslResponse,
  },
  PROXY: {
    corpus: [
      Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 5000 5432\r\n'),
      Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 5000 5432\r\n'),
      Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c000020113881538', 'hex'),
      Buffer.from('0d0a0d0a000d0a515549540a21110013c0000207c000020113881538030004ed5a5a5a', 'hex'),
      Buffer.from(`0d0a0d0a000d0a515549540a21210024${'20010db8'.repeat(8)}13881538`, 'hex'),
    ],
    decode(bytes) {
      const header = decodeProxyHeader(bytes);
      if (header.kind === 'incomplete') expect(header.needed).toBeGreaterThan(bytes.length);
      return header;
    },
  },
  'engine messages': {
    corpus: [
      typed('R', int32(10), text('SCRAM-SHA-256-PLUS'), text('SCRAM-SHA-256'), Buffer.of(0)),
      typed('R', int32(5), Buffer.alloc(4)),
      typed('K', int32(1), Buffer.alloc(32)),
      typed('v', int32(0x3_0000), int32(1), text('_pq_.x')),
      typed('S', text('TimeZone'), text('UTC')),
      typed('E', text('SFATAL'), text('C3D000'), text('Mno'), Buffer.of(0)),
      typed('Z', Buffer.from('I')),
    ],
    decode: (frame) => decodeBackend({ type: frame[0] ?? 0, body: frame.subarray(5) }),
  },
};

/** @returns whether it decoded */
function attempt(decode: (bytes: Buffer) => unknown, bytes: Buffer, note: string): boolean {
  try {
    expect(decode(bytes)).toBeDefined();
    return true;
  } catch (error) {
    if (error instanceof GatewayError) return false;
    throw new Error(`${note}: ${bytes.toString('hex')}`, { cause: error });
  }
}

test.each(Object.entries(DECODERS))(
  '%s: mutated bytes decode or are refused',
  (name, { corpus, decode }) => {
    const random = randomNumbers(FUZZ_SEED);
    let decoded = corpus.filter((bytes) => attempt(decode, bytes, 'corpus')).length;
    expect(decoded).toBe(name === 'PROXY' ? corpus.length - 1 : corpus.length); // one has a wrong checksum
    for (let run = 0; run < FUZZ_RUNS; run += 1) {
      if (attempt(decode, mutated(corpus, random), `seed ${FUZZ_SEED}, run ${run}`)) decoded += 1;
    }
    expect(decoded).toBeGreaterThan(corpus.length);
    expect(decoded).toBeLessThan(FUZZ_RUNS);
  },
  3_600_000,
);

test.each(Object.entries(DECODERS))('%s: any bytes decode or are refused', (name, { decode }) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void attempt(decode, Buffer.from(bytes), name)),
  );
});
