/** Rules for tokens that administrators change while everything runs. */
export interface Policy {
  /** Off: nobody logs in with a token or creates one; nothing is deleted. */
  readonly tokensEnabled: boolean;
  /** Binds tokens issued from now on. */
  readonly maxLifetimeMs: number;
  readonly defaultLifetimeMs: number;
  readonly neverExpiringAllowed: boolean;
  /** Tokens that nobody used for so long are revoked with reason `inactive`; 0: never. */
  readonly revokeUnusedDays: number;
  /** Who holds *can use*: everyone, or those to whom it is granted. */
  readonly createAndUse: 'everyone' | 'granted';
  readonly maxLiveTokensPerUser: number;
  /** How long a rotated token lives on, when the rotation does not say. */
  readonly rotationOverlapMs: number;
  /** A login with a token that expires within so many days brings a notice; 0: none. */
  readonly expiryNoticeDays: number;
  /** Older audit rows are pruned; 0: kept for ever. */
  readonly auditRetentionDays: number;
}

export type PolicyPatch = { readonly [K in keyof Policy]?: Policy[K] };

export interface PolicyChange {
  /** Counts up by one with each change. */
  readonly version: number;
  readonly at: Date;
  /** Name of who did it. */
  readonly by: string;
  readonly before: PolicyPatch;
  readonly after: PolicyPatch;
}

const DAY_MS = 86_400_000;

export const DEFAULT_POLICY: Policy = {
  tokensEnabled: true,
  maxLifetimeMs: 180 * DAY_MS,
  defaultLifetimeMs: 30 * DAY_MS,
  neverExpiringAllowed: false,
  revokeUnusedDays: 90,
  createAndUse: 'everyone',
  maxLiveTokensPerUser: 32,
  rotationOverlapMs: DAY_MS,
  expiryNoticeDays: 7,
  auditRetentionDays: 365,
};
