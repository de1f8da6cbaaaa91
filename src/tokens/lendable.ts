import type { Actor } from '../accounts/actor.ts';
import { demandAdmin } from '../accounts/permission.ts';
import type { Parent } from './parent.ts';

/**
 * Whoever makes or rotates somebody else's token sees its secret, and so can do what it can. With *manage all* alone that must
 * not come to more than opening sessions as its owner, for as long as the token lives. A token with the scope "accounts" could
 * set the owner's password and, where the owner is an administrator, grant privileges; one with the scope "tokens" could make
 * others that name the owner as their maker, and never end; and a role that an administrator has given is for its owner.
 * @throws RequestError request.forbidden
 */
export function demandLendable(
  actor: Actor,
  token: { readonly scopes: readonly string[]; readonly roleGranted?: boolean },
): void {
  if (token.scopes.length > 0 || token.roleGranted === true) demandAdmin(actor);
}

/**
 * A token without a role runs as its owner's, not as any: a role that an administrator has given to another of the owner's
 * tokens is more than it has.
 * @param parent the token by which the actor came; its own successor may have what it has itself
 * @throws RequestError request.forbidden
 */
export function demandRoleWithin(
  actor: Actor,
  token: { readonly tid: string; readonly role: string | null; readonly roleGranted: boolean },
  parent: Parent,
): void {
  if (!token.roleGranted || token.tid === parent.tid) return;
  if (!parent.roleGranted || parent.role !== token.role) demandAdmin(actor);
}
