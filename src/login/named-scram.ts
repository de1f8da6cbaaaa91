import type { AccountWithTokens, TokenCredential } from '../tokens/credentials.ts';
import type { ServerKeys } from '../scram/keys.ts';
import type { ScramMechanism } from '../scram/server-exchange.ts';
import { mockParameters, NOBODY } from './mock.ts';
import { provedByPassword, provedByToken } from './proved.ts';
import { refused, requireEnabled, requireLive, subjectOf, type LoginRefused } from './refusal.ts';
import type { Chosen } from './sasl.ts';
import { proveByScram, type ScramResult } from './scram.ts';
import { LEFT, type LoginClient, type LoginDeps, type LoginOutcome, type TriedClient } from './types.ts';

/** One of a user's secrets: null stands for the password. */
interface Candidate extends ServerKeys {
  readonly token: TokenCredential | null;
}

interface Found {
  readonly owner: AccountWithTokens | null;
  readonly candidates: readonly Candidate[];
}

/**
 * A named user over SCRAM, by password or any own token: all share one salt, and the one that the proof fits names itself.
 * @throws LoginRefused `login.unknown_user`, `login.wrong_secret`, `login.method_unavailable`, `login.owner_disabled`, or as
 *   the token stands; GatewayError as `proveByScram`
 */
export async function logInNamedByScram(
  client: TriedClient,
  chosen: Chosen<ScramMechanism>,
  deps: LoginDeps,
): Promise<LoginOutcome> {
  const { user } = client.startup;
  const result = await proveByScram(client, chosen, async () => {
    const storeSecret = await deps.credentials.storeSecret();
    const owner = await deps.credentials.byName(user);
    const candidates = owner === null ? [] : candidatesOf(owner);
    const found: Found = { owner, candidates };
    if (owner === null) return { found, ...mockParameters(storeSecret, user), candidates: [NOBODY] };
    const { scramSalt: salt, scramIterations: iterations } = owner.account;
    return { found, salt, iterations, candidates };
  });
  if (result === null) return LEFT;
  const { found, mechanism, matched, preface } = result;
  const candidate = matched === null ? undefined : found.candidates[matched];
  if (found.owner === null || candidate === undefined) throw nothingFits(client, result);
  const { owner } = found;
  if (candidate.token === null) {
    requireEnabled(client, owner.account, mechanism);
    return { kind: 'proved', principal: provedByPassword(owner.account, mechanism), preface };
  }
  const proved = { ...owner, token: candidate.token };
  requireLive(client, proved, mechanism, deps.clock.now());
  return { kind: 'proved', principal: provedByToken(proved, mechanism), preface };
}

function candidatesOf({ account, tokens }: AccountWithTokens): readonly Candidate[] {
  const ofTokens = tokens.map((token) => ({
    storedKey: token.storedKey,
    serverKey: token.serverKey,
    token,
  }));
  const { password } = account;
  if (password?.kind !== 'scram') return ofTokens;
  const { storedKey, serverKey } = password;
  return [{ storedKey, serverKey, token: null }, ...ofTokens];
}

function nothingFits(client: LoginClient, { found, mechanism }: ScramResult<Found>): LoginRefused {
  const { user } = client.startup;
  const account = found.owner?.account ?? null;
  const subject = subjectOf(mechanism, null, account);
  if (account === null) return refused(client, 'login.unknown_user', `no user is named "${user}"`, subject);
  if (found.candidates.length === 0) {
    const message = `user "${user}" has no token, and no password that SCRAM could check`;
    return refused(client, 'login.method_unavailable', message, subject);
  }
  const message = `the proof fits neither the password nor a token of "${user}"`;
  return refused(client, 'login.wrong_secret', message, subject);
}
