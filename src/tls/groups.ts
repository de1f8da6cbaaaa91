import { createSecureContext } from 'node:tls';

/** A group for key exchange. */
export interface KeyGroup {
  /** As OpenSSL calls it. */
  readonly name: string;
  /** As it goes over the wire: https://www.iana.org/assignments/tls-parameters, TLS Supported Groups. */
  readonly id: number;
}

/**
 * The best first. Finite fields, X448 and P-521 are left out: they cost the server many times what these do, and every client has one of
 * these. P-384 costs seven times P-256, but some are allowed nothing less.
 */
const GROUPS: readonly KeyGroup[] = [
  { name: 'X25519MLKEM768', id: 0x11ec },
  { name: 'X25519', id: 0x1d },
  { name: 'P-256', id: 0x17 },
  { name: 'P-384', id: 0x18 },
];

/** Those that Node's OpenSSL knows: X25519MLKEM768 since OpenSSL 3.5, and in FIPS mode not all. */
export function keyGroups(): KeyGroup[] {
  return GROUPS.filter(({ name }) => isKnown(name));
}

function isKnown(name: string): boolean {
  try {
    createSecureContext({ ecdhCurve: name, ca: [] });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_CRYPTO_OPERATION_FAILED')
      return false;
    throw error;
  }
}
