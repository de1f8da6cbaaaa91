import { createHash, createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

import { der, explicitTag, implicitTag, integer, oid, TAG, time } from './der.ts';

/** A certificate to be made. Keys are ECDSA P-256. */
export interface CertificateOrder {
  /** Common names; both alike for a self-signed one. */
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** `authority`: may sign others. `client`: may log in. Otherwise the host names and addresses of a server. */
  readonly use: 'authority' | 'client' | { readonly names: readonly string[] };
}

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** Makes and signs an X.509 certificate (RFC 5280). @returns PEM */
export function issueCertificate(order: CertificateOrder): string {
  const algorithm = der(TAG.sequence, oid(ECDSA_WITH_SHA256));
  const tbsCertificate = der(
    TAG.sequence,
    der(explicitTag(0), integer(Buffer.of(2))), // version 3
    integer(serialNumber()),
    algorithm,
    name(order.issuer),
    der(TAG.sequence, time(order.notBefore), time(order.notAfter)),
    name(order.subject),
    order.publicKey.export({ type: 'spki', format: 'der' }),
    der(explicitTag(3), der(TAG.sequence, ...extensions(order))),
  );
  const signature = sign('sha256', tbsCertificate, order.issuerKey);
  return pem(der(TAG.sequence, tbsCertificate, algorithm, bitString(signature)));
}

/** 127 random bits: RFC 5280 wants a positive number of at most 20 bytes. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes;
}

function name(commonName: string): Buffer {
  const attribute = der(TAG.sequence, oid(COMMON_NAME), der(TAG.utf8String, Buffer.from(commonName, 'utf8')));
  return der(TAG.sequence, der(TAG.set, attribute));
}

function extensions(order: CertificateOrder): Buffer[] {
  const identifiers = [
    extension('2.5.29.14', 'plain', der(TAG.octetString, keyIdentifier(order.publicKey))),
    extension(
      '2.5.29.35',
      'plain',
      der(TAG.sequence, der(implicitTag(0), keyIdentifier(createPublicKey(order.issuerKey)))),
    ),
  ];
  if (order.use === 'authority') {
    const authority = der(TAG.sequence, der(TAG.boolean, Buffer.of(0xff)), integer(Buffer.of(0)));
    return [
      extension('2.5.29.19', 'critical', authority),
      extension('2.5.29.15', 'critical', keyUsage(0b0000_0110, 1)), // keyCertSign, cRLSign
      ...identifiers,
    ];
  }
  const names = order.use === 'client' ? [] : order.use.names;
  return [
    extension('2.5.29.19', 'critical', der(TAG.sequence)),
    extension('2.5.29.15', 'critical', keyUsage(0b1000_0000, 7)), // digitalSignature
    extension(
      '2.5.29.37',
      'plain',
      der(TAG.sequence, oid(order.use === 'client' ? CLIENT_AUTH : SERVER_AUTH)),
    ),
    // SubjectAltName may not be empty: RFC 5280, 4.2.1.6
    ...(names.length === 0
      ? []
      : [extension('2.5.29.17', 'plain', der(TAG.sequence, ...names.map(generalName)))]),
    ...identifiers,
  ];
}

function extension(id: string, weight: 'critical' | 'plain', value: Buffer): Buffer {
  const critical = weight === 'critical' ? [der(TAG.boolean, Buffer.of(0xff))] : [];
  return der(TAG.sequence, oid(id), ...critical, der(TAG.octetString, value));
}

function keyUsage(bits: number, unusedBits: number): Buffer {
  return der(TAG.bitString, Buffer.of(unusedBits, bits));
}

/** GeneralName: dNSName [2], iPAddress [7]. */
function generalName(text: string): Buffer {
  const version = isIP(text);
  if (version === 0) return der(implicitTag(2), Buffer.from(text, 'latin1'));
  return der(implicitTag(7), version === 4 ? ipv4Bytes(text) : ipv6Bytes(text));
}

function ipv4Bytes(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

/** The URL parser writes an address in its shortest form without dotted parts, which leaves `::` to expand. */
function ipv6Bytes(text: string): Buffer {
  const [left = '', right] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const head = groups(left);
  const tail = groups(right ?? '');
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** RFC 5280, 4.2.1.2, method 1: SHA-1 of the key's bits; a label, not a protection. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const point = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  return createHash('sha1').update(Buffer.concat(point)).digest();
}

function bitString(bytes: Buffer): Buffer {
  return der(TAG.bitString, Buffer.of(0), bytes);
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
