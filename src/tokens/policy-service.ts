import type { Actor } from '../accounts/actor.ts';
import type { Policy, PolicyChange, PolicyPatch, VersionedPolicy } from '../store/policy.ts';

export type { Policy, PolicyChange, PolicyPatch, VersionedPolicy };

export interface PolicyChangeOptions {
  /** The one that the change was made from; another one by now fails with request.conflict. */
  readonly expectedVersion?: number;
  /** Also when the policy's networks will not have the actor's address. */
  readonly force?: boolean;
}

export interface PolicyService {
  /** Cached for a moment and dropped when the bus tells of a change. */
  get(): Promise<Policy>;
  /** As it is in the store at this moment. */
  current(): Promise<VersionedPolicy>;
  /**
   * *admin* only. Tokens that exist keep their expiry.
   * @throws RequestError request.forbidden, request.invalid, request.conflict, request.locks_out
   */
  set(actor: Actor, patch: PolicyPatch, options?: PolicyChangeOptions): Promise<Policy>;
  /** Newest first; *manage all*. */
  history(actor: Actor, query?: { limit?: number; beforeVersion?: number }): Promise<readonly PolicyChange[]>;
}
