import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { endPointHash } from '../../../src/tls/end-point-hash.ts';

/** Self-signed by OpenSSL, one for each signature algorithm. */
function certificate(name: string): Buffer {
  const text = readFileSync(new URL(`certificates/${name}.crt`, import.meta.url), 'utf8');
  return new X509Certificate(text).raw;
}

test.each([
  ['rsa-md5', 'sha256'],
  ['rsa-sha1', 'sha256'],
  ['rsa-sha224', 'sha224'],
  ['rsa-sha256', 'sha256'],
  ['rsa-sha384', 'sha384'],
  ['rsa-sha512', 'sha512'],
  ['rsa-sha512-256', 'sha512-256'],
  ['rsa-sha3-384', 'sha3-384'],
  ['pss-sha1', 'sha256'],
  ['pss-sha256', 'sha256'],
  ['pss-sha512', 'sha512'],
  ['ecdsa-sha1', 'sha256'],
  ['ecdsa-sha256', 'sha256'],
  ['ecdsa-sha384', 'sha384'],
  ['ecdsa-sha512', 'sha512'],
  ['ecdsa-sha3-256', 'sha3-256'],
])('%s is bound by %s', (name, hash) => {
  const der = certificate(name);
  expect(endPointHash(der)).toEqual(createHash(hash).update(der).digest());
});

test.each(['ed25519', 'ed448'])('no binding is defined for %s', (name) => {
  expect(endPointHash(certificate(name))).toBeNull();
});

test('bytes that are no certificate fail instead of getting some hash', () => {
  const der = certificate('rsa-sha256');
  for (let length = 0; length < 40; length += 1) {
    expect(() => endPointHash(der.subarray(0, length))).toThrow(RangeError);
  }
});
