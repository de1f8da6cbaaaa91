import { formatDuration } from '../core/duration.ts';
import { RequestError } from '../core/errors.ts';
import type { Policy } from '../store/policy.ts';
import type { Lifetime } from './service.ts';

const FIELD = { field: 'lifetime' };

/**
 * @returns how long a new token lives, in milliseconds; null: for ever
 * @throws RequestError policy.lifetime_too_long, policy.never_expiring, request.invalid
 */
export function lifetimeMs(lifetime: Lifetime, policy: Policy): number | null {
  if (lifetime === 'default') return Math.min(policy.defaultLifetimeMs, policy.maxLifetimeMs);
  if (lifetime === 'maximum') return policy.maxLifetimeMs;
  if (lifetime === 'never') {
    if (policy.neverExpiringAllowed) return null;
    throw new RequestError('policy.never_expiring', 'Tokens that never expire are not allowed.', FIELD);
  }
  const { ms } = lifetime;
  if (!Number.isFinite(ms) || ms < 1)
    throw new RequestError('request.invalid', 'A lifetime must be longer than nothing.', FIELD);
  if (ms > policy.maxLifetimeMs) {
    throw new RequestError(
      'policy.lifetime_too_long',
      `A token may live for ${formatDuration(policy.maxLifetimeMs)} at most.`,
      FIELD,
    );
  }
  return Math.floor(ms);
}

/** The lifetime that the old token had, as far as the policy still allows it. */
export function sameLifetime(
  old: { readonly createdAt: Date; readonly expiresAt: Date | null },
  policy: Policy,
): Lifetime {
  if (old.expiresAt === null) return policy.neverExpiringAllowed ? 'never' : 'maximum';
  return { ms: Math.min(old.expiresAt.getTime() - old.createdAt.getTime(), policy.maxLifetimeMs) };
}
