import { createHash } from 'node:crypto';
import { GatewayError, fatal } from '../core/errors.ts';
import { parseVerifier } from '../scram/verifier.ts';

/** What a password is checked against: one or the other, never both, since the weaker one would decide. */
export type StoredPassword =
  | { readonly kind: 'scram'; readonly storedKey: Buffer; readonly serverKey: Buffer }
  | { readonly kind: 'argon2id'; /** PHC string */ readonly hash: string };

/** @throws GatewayError internal, when the store holds something else */
export function parseStoredPassword(text: string): StoredPassword {
  if (text.startsWith('$argon2id$')) return { kind: 'argon2id', hash: text };
  const verifier = parseVerifier(text);
  if (verifier !== null) {
    return { kind: 'scram', storedKey: verifier.storedKey, serverKey: verifier.serverKey };
  }
  throw new GatewayError(
    'internal',
    'a user’s password in the store is neither a SCRAM-SHA-256 verifier nor an argon2id hash',
    fatal('XX000', 'internal error'),
  );
}

/** Changes with the password; to compare what was proved with what is stored by now. */
export function passwordMark(stored: StoredPassword): string {
  const hash = createHash('sha256');
  if (stored.kind === 'argon2id') hash.update(stored.hash);
  else hash.update(stored.storedKey).update(stored.serverKey);
  return hash.digest('base64');
}

/** The same of what the store has. @returns null where no password is set */
export function markOfStored(text: string | null): string | null {
  return text === null ? null : passwordMark(parseStoredPassword(text));
}
