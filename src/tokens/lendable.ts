import type { Actor } from '../accounts/actor.ts';
import { demandAdmin } from '../accounts/permission.ts';

/**
 * Whoever makes or rotates somebody else's token sees its secret, and so can do what it can. With *manage all* alone that must
 * not come to more than opening sessions as its owner: a token with the scope "accounts" could set the owner's password and,
 * where the owner is an administrator, grant privileges, and a role that
 * an administrator has given is for its owner.
 * @throws RequestError request.forbidden
 */
export function demandLendable(
  actor: Actor,
  token: { readonly scopes: readonly string[]; readonly roleGranted?: boolean },
): void {
  if (token.scopes.includes('accounts') || token.roleGranted === true) demandAdmin(actor);
}
