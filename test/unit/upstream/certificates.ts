import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { issueCertificate } from '../../../src/tls/certificate.ts';

/** PEM texts. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority {
  readonly certificate: string;
  /** A server's certificate for host names and addresses, or a client's when none is given. */
  issue(subject: string, options?: { names?: readonly string[]; notAfter?: Date }): Pair;
}

const DAY_MS = 86_400_000;

export function makeAuthority(name: string): Authority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signed = { issuer: name, issuerKey: privateKey, notBefore: new Date(Date.now() - 2 * DAY_MS) };
  const tomorrow = new Date(Date.now() + DAY_MS);
  return {
    certificate: issueCertificate({
      ...signed,
      subject: name,
      publicKey,
      notAfter: tomorrow,
      use: 'authority',
    }),
    issue(subject, { names = [], notAfter = tomorrow } = {}) {
      const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
      const use = names.length === 0 ? ('client' as const) : { names };
      return {
        certificate: issueCertificate({ ...signed, subject, publicKey: createPublicKey(key), notAfter, use }),
        key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}
