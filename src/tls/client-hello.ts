import { outcomeOf } from './hello-retry.ts';

/** What the first bytes of a client that speaks TLS are, so far. */
export type ClientHello =
  /** Not all of it is here. Reading on until `needed` bytes in total takes nothing that is behind the hello. */
  | { readonly kind: 'more'; readonly needed: number }
  /**
   * A server has what it answers to, which costs it an operation with its private key; with `retried`, it answers with a
   * HelloRetryRequest first, and does that as soon as the second hello is whole. `length` is that of all records so far. With
   * TLS 1.2, which is what is left without `tls13`, it has more to compute when the client's key comes.
   */
  | { readonly kind: 'hello'; readonly length: number; readonly retried: boolean; readonly tls13: boolean }
  /** No ClientHello: OpenSSL ends the handshake with an alert, or without a word, whatever follows. */
  | { readonly kind: 'other' }
  /**
   * Nothing that a client of a database sends, although OpenSSL may get as far as to answer: the connection is to be closed.
   * `reason` is for the log.
   */
  | { readonly kind: 'refused'; readonly reason: string };

/** RFC 8446, section 5.1. */
const RECORD_HEAD_LENGTH = 5;
const MAX_RECORD_LENGTH = 16_384;
const RECORD = { changeCipherSpec: 20, handshake: 22 } as const;
/** RFC 8446, section 4. */
const MESSAGE_HEAD_LENGTH = 4;
const CLIENT_HELLO = 1;

/** One with post-quantum keys and a ticket has 4 kB. */
const MAX_HELLO_LENGTH = 16_384;
/** CLIENT_HELLO_MAX_LENGTH of ssl/statem/statem_local.h */
const OPENSSL_MAX_HELLO_LENGTH = 131_396;
/** Clients send one or two; OpenSSL takes any number. */
const MAX_RECORDS = 8;

/**
 * Follows a client's first bytes up to the end of its ClientHello. What OpenSSL takes for one, be it odd, is taken for one
 * here; whether the hello is any good is left to OpenSSL.
 * @param groups for key exchange that the server accepts, by their numbers; empty if it does not speak TLS 1.3
 */
export function decodeClientHello(bytes: Buffer, groups: readonly number[]): ClientHello {
  if (bytes.length < RECORD_HEAD_LENGTH) return { kind: 'more', needed: RECORD_HEAD_LENGTH };
  if (isVersion2(bytes)) return refused('ClientHello in the form of SSL 2.0');
  return followRecords(bytes, groups);
}

interface RecordHead {
  readonly type: number;
  readonly version: number;
  readonly length: number;
}

const OTHER: ClientHello = { kind: 'other' };
const refused = (reason: string): ClientHello => ({ kind: 'refused', reason });

function followRecords(bytes: Buffer, groups: readonly number[]): ClientHello {
  const parts: Buffer[] = [];
  let at = 0;
  for (let count = 0; count < MAX_RECORDS; count += 1) {
    const start = at + RECORD_HEAD_LENGTH;
    if (bytes.length < start) return { kind: 'more', needed: start };
    const head = recordHead(bytes.subarray(at, start));
    const end = start + head.length;
    const verdict = judge(head);
    if (verdict !== null) return verdict;
    if (bytes.length < end) return { kind: 'more', needed: end };
    parts.push(bytes.subarray(start, end));
    const hello = helloIn(parts);
    if (Buffer.isBuffer(hello)) return { kind: 'hello', length: end, ...outcomeOf(hello, groups) };
    if (hello !== null) return hello;
    at = end;
  }
  return refused(`ClientHello in more than ${MAX_RECORDS} records`);
}

function recordHead(bytes: Buffer): RecordHead {
  return { type: bytes.readUInt8(0), version: bytes.readUInt16BE(1), length: bytes.readUInt16BE(3) };
}

/** @returns the body of the hello once it is whole, null before */
function helloIn(parts: readonly Buffer[]): Buffer | ClientHello | null {
  const head = Buffer.concat(parts.map((part) => part.subarray(0, MESSAGE_HEAD_LENGTH)));
  if (head.length > 0 && head.readUInt8(0) !== CLIENT_HELLO) return OTHER;
  if (head.length < MESSAGE_HEAD_LENGTH) return null;
  const length = head.readUIntBE(1, 3);
  if (length > OPENSSL_MAX_HELLO_LENGTH) return OTHER;
  if (length > MAX_HELLO_LENGTH) return refused(`ClientHello of ${length} bytes`);
  const end = MESSAGE_HEAD_LENGTH + length;
  const here = parts.reduce((sum, part) => sum + part.length, 0);
  return here < end ? null : Buffer.concat(parts).subarray(MESSAGE_HEAD_LENGTH, end);
}

/** Before a version is agreed upon, OpenSSL ends the handshake at all but handshake records of any version 3. */
function judge({ type, version, length }: RecordHead): ClientHello | null {
  if (version >> 8 !== 3 || length > MAX_RECORD_LENGTH) return OTHER;
  if (type === RECORD.handshake) return null;
  // This one record without content OpenSSL skips.
  if (type === RECORD.changeCipherSpec && length === 0) return refused('empty ChangeCipherSpec');
  return OTHER;
}

/** RFC 5246, appendix E.2: the first record may be one of SSL 2.0, for versions that were not known then. */
function isVersion2(bytes: Buffer): boolean {
  return (bytes.readUInt8(0) & 0x80) !== 0 && bytes.readUInt8(2) === CLIENT_HELLO;
}
