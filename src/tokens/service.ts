import type { Actor, Scope } from '../accounts/actor.ts';
import type { Secret } from '../core/secret.ts';
import type { ListQuery, StateCounts, TokenPage, TokenView } from './views.ts';

/** `default` and `maximum` are the policy's. */
export type Lifetime = { readonly ms: number } | 'default' | 'maximum' | 'never';

export interface IssueRequest {
  /** uid; the actor when left out. Another than the actor needs *manage all*. */
  readonly owner?: string;
  /** 1 to 250 characters. */
  readonly label: string;
  readonly description?: string | null;
  readonly lifetime?: Lifetime;
  /** Engine role; must be allowed to the owner by the engine, which has the last word. */
  readonly role?: string | null;
  readonly databases?: readonly string[] | null;
  /** Addresses or CIDR. */
  readonly networks?: readonly string[] | null;
  readonly maxSessions?: number | null;
  readonly scopes?: readonly Scope[];
  /** A repeated request with the same key makes nothing. */
  readonly idempotencyKey?: string;
}

export interface RotateRequest {
  /** How long the old one lives on; the policy's when left out, 0: not at all. */
  readonly overlapMs?: number;
  /** The old one's own length, cut to the policy's maximum, when left out. */
  readonly lifetime?: Lifetime;
  readonly idempotencyKey?: string;
}

export interface Issued {
  /**
   * The raw token: this is the only place where it ever appears. Null when `idempotencyKey` repeats an earlier request,
   * whose answer alone had it.
   */
  readonly token: Secret | null;
  readonly info: TokenView;
}

export interface TokenEdit {
  readonly label?: string;
  readonly description?: string | null;
}

/** `dead`: it was revoked before. `unknown`: this store never issued it, or has forgotten that. */
export type LeakReport = 'revoked' | 'dead' | 'unknown';

/** Where a request comes from, for rate limits and the audit. */
export interface Origin {
  readonly address: string | null;
  readonly application: string | null;
}

/**
 * Life and death of tokens. Ids may be a tid or one of its aliases. Owners see and revoke their own; *manage all* everyone's.
 * @throws RequestError request.forbidden, request.not_found, request.conflict, request.invalid, policy.*
 * @throws GatewayError store.unreachable, store.read_only
 */
export interface TokenService {
  issue(actor: Actor, request: IssueRequest): Promise<Issued>;
  get(actor: Actor, id: string): Promise<TokenView>;
  list(actor: Actor, query: ListQuery): Promise<TokenPage>;
  /** How many tokens the query matches, regardless of paging. */
  count(actor: Actor, query: ListQuery): Promise<number>;
  /** The same by what the tokens' states are; `states` of the query is not looked at. */
  countByState(actor: Actor, query: ListQuery): Promise<StateCounts>;
  /** New secret, same label and limits. A token can be rotated once; after that, rotate its successor. */
  rotate(actor: Actor, id: string, request?: RotateRequest): Promise<Issued>;
  /** request.conflict when it is revoked already. */
  revoke(actor: Actor, id: string, reason?: string): Promise<TokenView>;
  /** All or none: an unknown id fails the call. @returns how many were not revoked before */
  revokeMany(actor: Actor, ids: readonly string[], reason?: string): Promise<number>;
  /** Every token of a user. @returns how many were not revoked before */
  revokeAll(actor: Actor, uid: string, reason?: string): Promise<number>;
  edit(actor: Actor, id: string, edit: TokenEdit): Promise<TokenView>;
  /** Whoever holds a token may have it revoked, or the session of a session token ended. Audited when that ended anything. */
  reportLeaked(raw: Secret, from: Origin): Promise<LeakReport>;
  /** The token of that secret, to *manage all*; null when there is none. */
  lookup(actor: Actor, raw: Secret): Promise<TokenView | null>;
}
