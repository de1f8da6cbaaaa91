import { mockParameters, NOBODY } from './mock.ts';
import { provedByToken } from './proved.ts';
import { refused, requireLive, subjectOf } from './refusal.ts';
import { offerSasl } from './sasl.ts';
import { proveByScram, scramMechanisms } from './scram.ts';
import { LEFT, type LoginDeps, type LoginOutcome, type TriedClient } from './types.ts';

/**
 * `$token.<tid>` over SCRAM: the token never crosses the wire. Dead tokens stay provable, so that the audit can name them.
 * @throws LoginRefused `login.unknown_token`, `login.wrong_secret`, or as the token stands; GatewayError as `proveByScram`
 */
export async function logInTokenByScram(
  client: TriedClient,
  tid: string,
  deps: LoginDeps,
): Promise<LoginOutcome> {
  const chosen = await offerSasl(client, scramMechanisms(client));
  if (chosen === null) return LEFT;
  const result = await proveByScram(client, chosen, async () => {
    const storeSecret = await deps.credentials.storeSecret();
    const found = await deps.credentials.byTid(tid);
    if (found === null)
      // by the id alone: an existing token's salt does not depend on how its id is written either
      return { found, ...mockParameters(storeSecret, `token.${tid}`), candidates: [NOBODY] };
    const { scramSalt: salt, scramIterations: iterations } = found.account;
    return { found, salt, iterations, candidates: [found.token] };
  });
  if (result === null) return LEFT;
  const { found, mechanism, matched, preface } = result;
  if (found === null || matched === null) {
    const [code, message] =
      found === null
        ? (['login.unknown_token', `no token has the id ${tid}`] as const)
        : (['login.wrong_secret', `the proof does not fit token ${tid}`] as const);
    throw refused(client, code, message, subjectOf(mechanism, null, found?.account, found?.token));
  }
  requireLive(client, found, mechanism, deps.clock.now());
  return { kind: 'proved', principal: provedByToken(found, mechanism), preface };
}
