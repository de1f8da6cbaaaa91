import type { Actor } from '../accounts/actor.ts';
import type { Policy, PolicyChange, PolicyPatch, VersionedPolicy } from '../store/policy.ts';

export type { Policy, PolicyChange, PolicyPatch, VersionedPolicy };

export interface PolicyService {
  /** Cached for a moment and dropped when the bus tells of a change. */
  get(): Promise<Policy>;
  /** As it is in the store at this moment. */
  current(): Promise<VersionedPolicy>;
  /**
   * *admin* only. Tokens that exist keep their expiry.
   * @param expectedVersion the one that the change was made from; another one by now fails with request.conflict
   * @throws RequestError request.forbidden, request.invalid, request.conflict
   */
  set(actor: Actor, patch: PolicyPatch, expectedVersion?: number): Promise<Policy>;
  /** Newest first; *manage all*. */
  history(actor: Actor, query?: { limit?: number; beforeVersion?: number }): Promise<readonly PolicyChange[]>;
}
