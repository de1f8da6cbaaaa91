import type { Actor, Privilege } from '../accounts/actor.ts';
import { RequestError } from '../core/errors.ts';

const WORDS = { can_use: 'can use', manage_all: 'manage all', admin: 'admin' } as const satisfies Record<
  Privilege,
  string
>;

/**
 * For paths that a product keeps for certain people as a whole; what may be done to an object is the services' to say.
 * @throws RequestError request.forbidden
 */
export function demand(actor: Actor, privilege: Privilege): void {
  if (actor.privileges.has(privilege)) return;
  throw new RequestError('request.forbidden', `This needs the privilege "${WORDS[privilege]}".`);
}
