import type { Actor } from '../accounts/actor.ts';
import type { Policy, PolicyChange, PolicyPatch } from '../store/policy.ts';

export type { Policy, PolicyChange, PolicyPatch };

export interface PolicyService {
  /** Cached for a moment and dropped when the bus tells of a change. */
  get(): Promise<Policy>;
  /**
   * *admin* only. Tokens that exist keep their expiry.
   * @throws RequestError request.forbidden, request.invalid
   */
  set(actor: Actor, patch: PolicyPatch): Promise<Policy>;
  /** Newest first; *manage all*. */
  history(actor: Actor, query?: { limit?: number; beforeVersion?: number }): Promise<readonly PolicyChange[]>;
}
