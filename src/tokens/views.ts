import type { Page } from '../accounts/views.ts';
import type { TokenStanding } from './standing.ts';

/** A token as people and scripts may see it: nothing in it helps to log in. */
export interface TokenView {
  readonly tid: string;
  /** Of the owner: whom the token stands for. */
  readonly uid: string;
  readonly owner: string;
  readonly ownerNumericId: number;
  /** Who made it; null for the command line. */
  readonly creatorUid: string | null;
  readonly creator: string;
  readonly creatorNumericId: number | null;
  /** By the owner's kind. */
  readonly kind: 'personal' | 'service';
  readonly label: string;
  readonly description: string | null;
  /** First characters of the secret. */
  readonly prefix: string;
  readonly state: TokenStanding;
  readonly createdAt: Date;
  /** Null: never. */
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly lastUsedFrom: string | null;
  readonly lastUsedApplication: string | null;
  readonly role: string | null;
  /** An administrator gave that role, though it was not the owner's. */
  readonly roleGranted: boolean;
  readonly databases: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly maxSessions: number | null;
  readonly scopes: readonly string[];
  readonly revokedAt: Date | null;
  readonly revokeReason: string | null;
  readonly rotatedFrom: string | null;
  readonly rotatedTo: string | null;
  /** End of the overlap, when the token was rotated. */
  readonly retiresAt: Date | null;
  /** 64 hexadecimal digits, derived from tid, accepted wherever a tid is. */
  readonly databricksId: string;
  /** Base64, derived from tid, accepted wherever a tid is. */
  readonly datahubId: string;
}

export type TokenSort = 'createdAt' | 'expiresAt' | 'lastUsedAt' | 'label' | 'owner';

export interface ListQuery {
  /** uid; left out: everyone's with *manage all*, else one's own. */
  readonly owner?: string;
  /** uid of who made them. */
  readonly createdBy?: string;
  /** Only these. */
  readonly tids?: readonly string[];
  /** Left out: all. */
  readonly states?: readonly TokenStanding[];
  /** Part of the label, description, owner's name, or the beginning of the shown prefix; in any case. */
  readonly search?: string;
  /** Unused means for 90 days, soon within 7. */
  readonly quick?: 'inactive_owners' | 'no_expiry' | 'unused' | 'expiring_soon';
  readonly createdFrom?: Date;
  readonly createdBefore?: Date;
  readonly expiresFrom?: Date;
  readonly expiresBefore?: Date;
  readonly lastUsedFrom?: Date;
  readonly lastUsedBefore?: Date;
  /** createdAt when left out. */
  readonly sort?: TokenSort;
  /** desc when left out. */
  readonly direction?: 'asc' | 'desc';
  /** 1 to 1,000; 100 when left out. */
  readonly limit?: number;
  /** From the page before; only with the same query. */
  readonly cursor?: string | null;
  /** For interfaces that page by number; prefer the cursor. At most 100,000. */
  readonly offset?: number;
}

export type TokenPage = Page<TokenView>;

export type StateCounts = Readonly<Record<TokenStanding, number>>;
