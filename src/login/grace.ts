import type { ErrorCode } from '../core/errors.ts';
import type { LoginReads } from '../tokens/store-grace.ts';
import { LoginRefused } from './refusal.ts';
import type { LoginOutcome } from './types.ts';

/** Memory has only what was proved lately, so nothing follows from what it does not have. */
const UNDECIDED: ReadonlySet<ErrorCode> = new Set([
  'login.unknown_token',
  'login.unknown_user',
  'login.wrong_secret',
  'login.wrong_owner',
  'login.method_unavailable',
]);

/**
 * Takes note of a secret that was found right, and marks the outcome where memory had to do.
 * @throws `reads.graceFor` for an identity provider's token: the account is remembered for a secret of its own
 */
export function judgedByGrace(reads: LoginReads | null, outcome: LoginOutcome): LoginOutcome {
  if (reads === null || outcome.kind !== 'proved') return outcome;
  if (reads.graceFor === null) {
    reads.proved(outcome.principal);
    return outcome;
  }
  if (outcome.principal.provedBy === 'oauth') throw reads.graceFor;
  reads.proved(outcome.principal);
  return { ...outcome, byGrace: true };
}

/** Says that the store is away where only the store could say whether the secret is right. It counts as a wrong one all the same. */
export function refusedByGrace(reads: LoginReads | null, error: LoginRefused): LoginRefused {
  const graceFor = reads?.graceFor ?? null;
  if (graceFor === null || !UNDECIDED.has(error.code)) return error;
  const message = `${graceFor.message}; nor is it a secret that may log in by grace: ${error.message}`;
  return new LoginRefused(graceFor.code, message, graceFor.client, error.subject);
}
