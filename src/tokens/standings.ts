import type { NetworkLists } from '../accounts/network-rules.ts';
import type { TokenStanding } from './standing.ts';

export interface StandingReport {
  readonly standing: TokenStanding;
  /** Why it was revoked, in the words of who did it; null otherwise. */
  readonly reason: string | null;
  /** When it will stop working by itself. */
  readonly endsAt: Date | null;
  /** The owner's role on the engine, as it is now. */
  readonly engineRole: string | null;
  /** The token keeps its role whatever the owner's is. */
  readonly roleGranted: boolean;
  /** What the owner may reach now; null: any. Those of the token never change. */
  readonly databases: readonly string[] | null;
  readonly networks: LiveNetworks;
}

/** Where the user, and anybody, may be now. Those of a token never change. */
export type LiveNetworks = NetworkLists<'policy' | 'user'>;

/** Of an account, for sessions opened by password or by an identity provider's token. */
export interface AccountReport {
  readonly standing: 'live' | 'owner_disabled';
  readonly passwordVersion: number;
  readonly engineRole: string | null;
  readonly databases: readonly string[] | null;
  readonly networks: LiveNetworks;
}

/** What the supervision of live sessions reads; each method is one round trip. */
export interface Standings {
  /** Ids that are not in the answer do not exist. */
  tokens(tids: readonly string[]): Promise<ReadonlyMap<string, StandingReport>>;
  /** Which of these access tokens, that a personal access token was exchanged for, there are still; see TokenCredential. */
  exchanges(ids: readonly string[]): Promise<ReadonlySet<string>>;
  accounts(uids: readonly string[]): Promise<ReadonlyMap<string, AccountReport>>;
}
