import { DAY_MS } from '../core/duration.ts';
import { RequestError } from '../core/errors.ts';
import type { Policy, PolicyPatch } from './policy-service.ts';

const LONGEST_DAYS = 3650;
/**
 * A login by SCRAM tries each secret that a user has, those in the overlap of a rotation too, so twice this must fit into what
 * credentials read.
 */
const MOST_TOKENS = 128;

interface Range {
  readonly key: keyof Policy;
  readonly least: number;
  readonly most: number;
}

const RANGES: readonly Range[] = [
  { key: 'maxLifetimeMs', least: 1000, most: LONGEST_DAYS * DAY_MS },
  { key: 'defaultLifetimeMs', least: 1000, most: LONGEST_DAYS * DAY_MS },
  { key: 'revokeUnusedDays', least: 0, most: LONGEST_DAYS },
  { key: 'maxLiveTokensPerUser', least: 1, most: MOST_TOKENS },
  { key: 'rotationOverlapMs', least: 0, most: LONGEST_DAYS * DAY_MS },
  { key: 'expiryNoticeDays', least: 0, most: LONGEST_DAYS },
  { key: 'auditRetentionDays', least: 0, most: LONGEST_DAYS * 10 },
];

/** A rule that is out of its bounds; interfaces with names of their own for it say so in them. */
export class PolicyOutOfBounds extends RequestError {
  readonly key: keyof Policy;
  readonly least: number;
  readonly most: number;

  constructor({ key, least, most }: Range) {
    super('request.invalid', `${key} must be a whole number from ${least} to ${most}.`, { field: key });
    this.name = 'PolicyOutOfBounds';
    this.key = key;
    this.least = least;
    this.most = most;
  }
}

/**
 * @param policy as it would be after the patch
 * @throws RequestError request.invalid, naming the rule that is out of bounds
 */
export function checkPolicy(policy: Policy, patch: PolicyPatch): void {
  for (const range of RANGES) {
    const { key, least, most } = range;
    const value = policy[key];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
      throw new PolicyOutOfBounds(range);
    }
  }
  const { defaultLifetimeMs: own, maxLifetimeMs: most } = policy;
  // A maximum alone may sink below the default, which is then cut to it: some interfaces know of no default.
  if (patch.defaultLifetimeMs !== undefined && own > most) {
    throw new RequestError('request.invalid', 'defaultLifetimeMs must not be over maxLifetimeMs.', {
      field: 'defaultLifetimeMs',
    });
  }
  if (!['everyone', 'granted'].includes(policy.createAndUse)) {
    throw new RequestError('request.invalid', 'createAndUse must be "everyone" or "granted".');
  }
  for (const key of ['tokensEnabled', 'neverExpiringAllowed'] as const) {
    if (typeof policy[key] !== 'boolean')
      throw new RequestError('request.invalid', `${key} must be true or false.`);
  }
}
