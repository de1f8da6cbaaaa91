import { randomBytes } from 'node:crypto';
import { asciiLower } from '../core/ascii.ts';
import {
  DEFAULT_ITERATIONS,
  hmac,
  KEY_LENGTH,
  SALT_LENGTH,
  type ScramParameters,
  type ServerKeys,
} from '../scram/keys.ts';

/** Stands in for the secrets of an unknown user: keys that nothing fits. */
export const NOBODY: ServerKeys = { storedKey: randomBytes(KEY_LENGTH), serverKey: randomBytes(KEY_LENGTH) };

/**
 * What an unknown user is asked with (RFC 5802 leaves it open; PostgreSQL's mock_scram_secret in src/backend/libpq/auth-scram.c
 * does the same): the same salt for the same name each time, on each replica.
 * @param name as given; e-mail addresses count in any case, so their mock salt must not depend on it either
 */
export function mockParameters(storeSecret: Buffer, name: string): ScramParameters {
  const known = name.includes('@') ? asciiLower(name) : name;
  const salt = hmac(storeSecret, `scram mock salt\0${known}`).subarray(0, SALT_LENGTH);
  return { salt, iterations: DEFAULT_ITERATIONS };
}
