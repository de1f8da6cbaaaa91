import { randomBytes } from 'node:crypto';
import {
  DEFAULT_ITERATIONS,
  hmac,
  KEY_LENGTH,
  SALT_LENGTH,
  type ScramParameters,
  type ServerKeys,
} from '../scram/keys.ts';

/** Keys that no secret has. */
const NOBODY: ServerKeys = { storedKey: randomBytes(KEY_LENGTH), serverKey: randomBytes(KEY_LENGTH) };

/** Proofs are tested against this many candidates, or a multiple of it: how many secrets a user has, or none, takes as long. */
const CANDIDATES_STEP = 4;

/**
 * What an unknown user is asked with (RFC 5802 leaves it open; PostgreSQL's mock_scram_secret in src/backend/libpq/auth-scram.c
 * does the same): the same salt for the same name each time, on each replica.
 * @param name as given; e-mail addresses count in any case, so their mock salt must not depend on it either
 */
export function mockParameters(storeSecret: Buffer, name: string): ScramParameters {
  const known = name.includes('@') ? name.toLowerCase() : name;
  const salt = hmac(storeSecret, `scram mock salt\0${known}`).subarray(0, SALT_LENGTH);
  return { salt, iterations: DEFAULT_ITERATIONS };
}

/** Fills up with keys that nothing matches, at least one step. Real candidates keep their places. */
export function padCandidates(candidates: readonly ServerKeys[]): readonly ServerKeys[] {
  const steps = Math.max(1, Math.ceil(candidates.length / CANDIDATES_STEP));
  const missing = steps * CANDIDATES_STEP - candidates.length;
  return [...candidates, ...Array.from({ length: missing }, () => NOBODY)];
}
