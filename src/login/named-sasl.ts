import { logInByBearer } from './bearer.ts';
import { logInNamedByScram } from './named-scram.ts';
import { offerSasl } from './sasl.ts';
import { scramMechanisms } from './scram.ts';
import { LEFT, type LoginDeps, type LoginOutcome, type TriedClient } from './types.ts';

/**
 * A named user by SASL: SCRAM, or an identity provider's token where one is configured, over TLS only (RFC 7628, section 4).
 * That comes last in the list: libpq takes the first that it can, so it never gets there (see OAUTH_USER); others choose.
 * @throws as `logInNamedByScram` and `logInByBearer`
 */
export async function logInNamedBySasl(client: TriedClient, deps: LoginDeps): Promise<LoginOutcome> {
  const { oauth } = deps;
  const scram = scramMechanisms(client);
  const bearer = oauth !== undefined && client.tls !== null;
  const chosen = await offerSasl(client, bearer ? [...scram, 'OAUTHBEARER'] : scram);
  if (chosen === null) return LEFT;
  const { mechanism, data } = chosen;
  if (mechanism !== 'OAUTHBEARER') return logInNamedByScram(client, { mechanism, data }, deps);
  if (oauth === undefined) throw new Error('OAUTHBEARER was not offered');
  return logInByBearer(client, data, { ...deps, oauth });
}
