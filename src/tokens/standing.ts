import type { AccountCredentials, TokenCredential } from './credentials.ts';

/** Whether a token works, and if not, the first reason why. */
export type TokenStanding = 'live' | 'revoked' | 'expired' | 'owner_disabled' | 'no_privilege' | 'tokens_off';

export interface StandingFacts {
  readonly token: Pick<TokenCredential, 'revokedAt' | 'retiresAt' | 'expiresAt'>;
  readonly account: Pick<AccountCredentials, 'disabled' | 'mayUseTokens'>;
  readonly tokensEnabled: boolean;
}

/**
 * Computed at each check and never stored, so that switching something off and on again rewrites no row.
 * The order decides which reason is told when several hold.
 */
export function tokenStanding({ token, account, tokensEnabled }: StandingFacts, now: Date): TokenStanding {
  if (token.revokedAt !== null || hasCome(token.retiresAt, now)) return 'revoked';
  if (hasCome(token.expiresAt, now)) return 'expired';
  if (account.disabled) return 'owner_disabled';
  if (!account.mayUseTokens) return 'no_privilege';
  if (!tokensEnabled) return 'tokens_off';
  return 'live';
}

/** When the token stops working by the mere passing of time; null: never. */
export function endOf(token: Pick<TokenCredential, 'retiresAt' | 'expiresAt'>): Date | null {
  return earlier(token.retiresAt, token.expiresAt);
}

/** Null: never. */
export function earlier(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}

function hasCome(moment: Date | null, now: Date): boolean {
  return moment !== null && moment <= now;
}
