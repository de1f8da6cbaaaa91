import type { TokenStanding } from './standing.ts';

export interface StandingReport {
  readonly standing: TokenStanding;
  /** Why it was revoked, in the words of who did it; null otherwise. */
  readonly reason: string | null;
  /** When it will stop working by itself. */
  readonly endsAt: Date | null;
}

/** What the supervision of live sessions reads; each method is one round trip. */
export interface Standings {
  /** Ids that are not in the answer do not exist. */
  tokens(tids: readonly string[]): Promise<ReadonlyMap<string, StandingReport>>;
  /** Of owners, for sessions opened by password: live or owner_disabled. */
  accounts(uids: readonly string[]): Promise<ReadonlyMap<string, 'live' | 'owner_disabled'>>;
}
