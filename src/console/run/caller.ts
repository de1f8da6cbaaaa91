import type { Actor } from '../../accounts/actor.ts';
import { RequestError } from '../../core/errors.ts';
import { isUuid } from '../../core/uuid.ts';
import type { UserReference } from '../../accounts/service.ts';
import type { Execution } from '../plan.ts';

/**
 * Who is at the console, with what the account may do now: privileges can change while a session lasts.
 * @throws RequestError request.forbidden when the account is not active any more
 */
export async function callerOf({ deps, visitor }: Execution): Promise<Actor & { readonly uid: string }> {
  const { principal, address, application } = visitor;
  const actor = {
    uid: principal.uid,
    name: principal.name,
    via: principal.provedBy,
    tid: principal.token?.tid ?? null,
    scopes: principal.token?.scopes ?? [],
    address,
    application,
  };
  const account = await deps.accounts.getUser({ ...actor, privileges: new Set() }, { uid: principal.uid });
  if (account.state !== 'active') throw new RequestError('request.forbidden', 'This account is not active.');
  return { ...actor, name: account.name, privileges: new Set(account.privileges) };
}

/** The uid of a user given by uid, name or e-mail, as far as the caller may see them. @throws RequestError request.not_found */
export async function uidOf({ deps }: Execution, caller: Actor, user: string): Promise<string> {
  const reference: UserReference = isUuid(user) ? { uid: user.toLowerCase() } : { nameOrEmail: user };
  return (await deps.accounts.getUser(caller, reference)).uid;
}
