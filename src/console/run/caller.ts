import type { Actor } from '../../accounts/actor.ts';
import { RequestError } from '../../core/errors.ts';
import { isUuid } from '../../core/uuid.ts';
import type { UserReference } from '../../accounts/service.ts';
import type { Execution } from '../plan.ts';

/**
 * Who is at the console, with what the account may do now: privileges can change while a session lasts.
 * @throws RequestError request.forbidden when the session would not be opened any more
 */
export async function callerOf(execution: Execution): Promise<Actor & { readonly uid: string }> {
  const { deps, visitor } = execution;
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
  const [account] = await Promise.all([
    deps.accounts.getUser({ ...actor, privileges: new Set() }, { uid: principal.uid }),
    demandSecret(execution),
  ]);
  if (account.state !== 'active') throw new RequestError('request.forbidden', 'This account is not active.');
  return { ...actor, name: account.name, privileges: new Set(account.privileges) };
}

/**
 * The secret that opened the session is asked for again with each statement: the word that ends the session may be late, and what
 * is made here outlives it.
 * @throws RequestError request.forbidden
 */
async function demandSecret({ deps: { standings }, visitor: { principal } }: Execution): Promise<void> {
  const { uid, token, passwordVersion } = principal;
  if (token !== null) {
    const report = (await standings.tokens([token.tid])).get(token.tid);
    if (report?.standing === 'live') return;
    throw new RequestError(
      'request.forbidden',
      `Token "${token.label}", by which this session began, works no more.`,
    );
  }
  const report = (await standings.accounts([uid])).get(uid);
  if (passwordVersion === null || passwordVersion === report?.passwordVersion) return;
  throw new RequestError(
    'request.forbidden',
    'The password by which this session began was changed; connect again.',
  );
}

/** The uid of a user given by uid, name or e-mail, as far as the caller may see them. @throws RequestError request.not_found */
export async function uidOf({ deps }: Execution, caller: Actor, user: string): Promise<string> {
  const reference: UserReference = isUuid(user) ? { uid: user.toLowerCase() } : { nameOrEmail: user };
  return (await deps.accounts.getUser(caller, reference)).uid;
}
