import { createHash } from 'node:crypto';

import { explicitTag, readElement, readOid, TAG } from './der.ts';

/**
 * The `tls-server-end-point` channel binding of a certificate: RFC 5929, section 4.1.
 * @param certificate the server's own certificate, DER
 * @returns its hash with the hash function of its signature (SHA-256 in place of MD5 and SHA-1); null when the signature
 *   has no hash function of its own (Ed25519, Ed448) or one that we do not know, for which no binding is defined
 */
export function endPointHash(certificate: Buffer): Buffer | null {
  const algorithm = signatureHash(certificate);
  return algorithm === null ? null : createHash(algorithm).update(certificate).digest();
}

/** Signature algorithms that imply a hash: RFC 3279, 4055, 5758; NIST CSOR for SHA-3. */
const HASH_OF_SIGNATURE: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.4': 'sha256', // md5WithRSAEncryption
  '1.2.840.113549.1.1.5': 'sha256', // sha1WithRSAEncryption
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.113549.1.1.14': 'sha224',
  '1.2.840.113549.1.1.15': 'sha512-224',
  '1.2.840.113549.1.1.16': 'sha512-256',
  '2.16.840.1.101.3.4.3.13': 'sha3-224', // id-rsassa-pkcs1-v1_5-with-sha3-…
  '2.16.840.1.101.3.4.3.14': 'sha3-256',
  '2.16.840.1.101.3.4.3.15': 'sha3-384',
  '2.16.840.1.101.3.4.3.16': 'sha3-512',
  '1.2.840.10045.4.1': 'sha256', // ecdsa-with-SHA1
  '1.2.840.10045.4.3.1': 'sha224',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '2.16.840.1.101.3.4.3.9': 'sha3-224', // id-ecdsa-with-sha3-…
  '2.16.840.1.101.3.4.3.10': 'sha3-256',
  '2.16.840.1.101.3.4.3.11': 'sha3-384',
  '2.16.840.1.101.3.4.3.12': 'sha3-512',
};

/** RFC 4055, 3.1: the hash of RSASSA-PSS stands in its parameters. */
const RSASSA_PSS = '1.2.840.113549.1.1.10';

const HASH: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.5': 'sha256', // MD5
  '1.3.14.3.2.26': 'sha256', // SHA-1
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.5': 'sha512-224',
  '2.16.840.1.101.3.4.2.6': 'sha512-256',
  '2.16.840.1.101.3.4.2.7': 'sha3-224',
  '2.16.840.1.101.3.4.2.8': 'sha3-256',
  '2.16.840.1.101.3.4.2.9': 'sha3-384',
  '2.16.840.1.101.3.4.2.10': 'sha3-512',
};

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }: RFC 5280, 4.1 */
function signatureHash(certificate: Buffer): string | null {
  const tbsCertificate = readElement(readElement(certificate).content);
  const algorithm = readElement(readElement(tbsCertificate.rest).content);
  const name = readOid(algorithm.content);
  return name === RSASSA_PSS ? pssHash(algorithm.rest) : (HASH_OF_SIGNATURE[name] ?? null);
}

/** RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] AlgorithmIdentifier DEFAULT sha1, … } */
function pssHash(parameters: Buffer): string | null {
  if (parameters.length === 0) return 'sha256';
  const sequence = readElement(parameters);
  if (sequence.tag !== TAG.sequence || sequence.content.length === 0) return 'sha256';
  const first = readElement(sequence.content);
  if (first.tag !== explicitTag(0)) return 'sha256';
  return HASH[readOid(readElement(readElement(first.content).content).content)] ?? null;
}
