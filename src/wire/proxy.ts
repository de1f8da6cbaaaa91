import { isIPv4, isIPv6 } from 'node:net';

import { fatal, GatewayError } from '../core/errors.ts';
import { normalAddress } from '../core/address.ts';
import { crc32c } from './crc32c.ts';

/** What a proxy in front of us says of a connection: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt */
export type ProxyHeader =
  /** Not all of it is here. Reading on until `needed` bytes in total takes nothing that is not the header's. */
  | { readonly kind: 'incomplete'; readonly needed: number }
  | { readonly kind: 'source'; readonly address: string; readonly port: number }
  /** The proxy speaks for itself (health checks), or does not know: the connection's own address counts. */
  | { readonly kind: 'local' };

/** Section 2.1: "PROXY " … CRLF within 107 characters. */
const V1_PREFIX = Buffer.from('PROXY ', 'latin1');
const V1_MAX_LENGTH = 107;

/** Section 2.2. */
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_HEAD_LENGTH = 16;
/** Addresses take at most 216 bytes; the rest is room for TLVs, of which a client certificate is the longest. */
const V2_MAX_LENGTH = 4096;

/**
 * Decodes a header of version 1 or 2 from the first bytes of a connection.
 * @throws GatewayError `wire.proxy_header` as soon as the bytes cannot be the start of a valid one
 */
export function decodeProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return { kind: 'incomplete', needed: 1 };
  if (startsAlike(bytes, V1_PREFIX)) return decodeV1(bytes);
  if (startsAlike(bytes, V2_SIGNATURE)) return decodeV2(bytes);
  throw badHeader('the connection does not begin with a PROXY header');
}

/** Whether bytes look like a PROXY header, for a clear word to whoever forgot to trust the proxy. */
export function looksLikeProxyHeader(bytes: Buffer): boolean {
  return bytes.length > 0 && (startsAlike(bytes, V1_PREFIX) || startsAlike(bytes, V2_SIGNATURE));
}

/** A header that is missing, malformed, or not believed. Never told to the peer. */
export function badHeader(detail: string): GatewayError {
  return new GatewayError('wire.proxy_header', detail, fatal('08P01', 'bad PROXY header'));
}

function decodeV1(bytes: Buffer): ProxyHeader {
  if (bytes.length < V1_PREFIX.length) return { kind: 'incomplete', needed: V1_PREFIX.length };
  const end = bytes.subarray(0, V1_MAX_LENGTH).indexOf('\n');
  if (end < 0) {
    if (bytes.length >= V1_MAX_LENGTH) throw badHeader('PROXY line without an end');
    return { kind: 'incomplete', needed: bytes.length + 1 };
  }
  if (bytes.readUInt8(end - 1) !== 0x0d) throw badHeader('PROXY line that does not end in CRLF');
  return decodeV1Line(bytes.toString('latin1', 0, end - 1));
}

function decodeV1Line(line: string): ProxyHeader {
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...more] =
    line.split(' ');
  if (family === 'UNKNOWN') return { kind: 'local' };
  if (family !== 'TCP4' && family !== 'TCP6') throw badHeader('PROXY line of an unknown family');
  const isAddress = family === 'TCP4' ? isIPv4 : isPlainIPv6;
  const [port, otherPort] = [parsePort(sourcePort), parsePort(destinationPort)];
  if (
    !isAddress(source) ||
    !isAddress(destination) ||
    port === null ||
    otherPort === null ||
    more.length > 0
  ) {
    throw badHeader('PROXY line with malformed addresses');
  }
  return { kind: 'source', address: normalAddress(source) ?? source, port };
}

function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function parsePort(text: string): number | null {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return null;
  const port = Number(text);
  return port <= 65_535 ? port : null;
}

function decodeV2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_HEAD_LENGTH) return { kind: 'incomplete', needed: V2_HEAD_LENGTH };
  const length = V2_HEAD_LENGTH + bytes.readUInt16BE(14);
  const [version, command] = [bytes.readUInt8(12) >> 4, bytes.readUInt8(12) & 0x0f];
  if (version !== 2 || command > 1) throw badHeader('PROXY header of an unknown version or command');
  if (length > V2_MAX_LENGTH) throw badHeader(`PROXY header of ${length} bytes`);
  if (bytes.length < length) return { kind: 'incomplete', needed: length };
  const header = bytes.subarray(0, length);
  return command === 0 ? { kind: 'local' } : decodeV2Addresses(header);
}

/** High nibble: address family; low nibble: transport. Only what can carry PostgreSQL is accepted. */
function decodeV2Addresses(header: Buffer): ProxyHeader {
  const block = header.subarray(V2_HEAD_LENGTH);
  switch (header.readUInt8(13)) {
    case 0x00: // unspecified: "the receiver … must ignore any address information"
      return { kind: 'local' };
    case 0x11:
      checkTlvs(header, 12);
      return { kind: 'source', address: block.subarray(0, 4).join('.'), port: block.readUInt16BE(8) };
    case 0x21:
      checkTlvs(header, 36);
      return { kind: 'source', address: ipv6Text(block.subarray(0, 16)), port: block.readUInt16BE(32) };
    case 0x31: // a client on the proxy's own machine
      checkTlvs(header, 216);
      return { kind: 'local' };
    default:
      throw badHeader('PROXY header of an unknown family or transport');
  }
}

function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  const text = groups.join(':');
  return normalAddress(text) ?? text;
}

/** Section 2.2.1: type, 16-bit length, value; they fill the header exactly. */
const TLV_CRC32C = 0x03;

function checkTlvs(header: Buffer, addressLength: number): void {
  let at = V2_HEAD_LENGTH + addressLength;
  if (header.length < at) throw badHeader('PROXY header that is too short for its addresses');
  while (at < header.length) {
    if (header.length < at + 3) throw badHeader('PROXY header with a TLV cut short');
    const [type, value, end] = [header.readUInt8(at), at + 3, at + 3 + header.readUInt16BE(at + 1)];
    if (end > header.length) throw badHeader('PROXY header with a TLV cut short');
    if (type === TLV_CRC32C) checkCrc(header, value, end);
    at = end;
  }
}

/** Section 2.2.3: computed over the whole header with the checksum's own field as zeros. */
function checkCrc(header: Buffer, start: number, end: number): void {
  if (end - start !== 4) throw badHeader('PROXY header with a checksum of a wrong length');
  const cleared = Buffer.from(header);
  cleared.fill(0, start, end);
  if (crc32c(cleared) !== header.readUInt32BE(start)) throw badHeader('PROXY header whose checksum is wrong');
}

function startsAlike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.subarray(0, length).equals(prefix.subarray(0, length));
}
