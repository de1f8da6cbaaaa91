import type { Mechanism } from '../accounts/principal.ts';
import { fatal, GatewayError, type ClientFault } from '../core/errors.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { bearerFailure, parseBearer } from './bearer-message.ts';
import type { OauthVerifier } from './oauth-verifier.ts';
import { provedByOauth } from './proved.ts';
import { authenticationFailed, LoginRefused, subjectOf, tlsRequired } from './refusal.ts';
import { exchangeSasl, offerSasl } from './sasl.ts';
import { LEFT, type LoginClient, type LoginDeps, type LoginOutcome, type TriedClient } from './types.ts';

const NOTHING = Buffer.alloc(0);
/** The client's only answer to a failure (RFC 7628, section 3.2.3). */
const ACKNOWLEDGEMENT = Buffer.of(1);

type OauthDeps = LoginDeps & { readonly oauth: OauthVerifier };

/**
 * A client that wants OAUTHBEARER and nothing else.
 * @throws as `logInByBearer`; GatewayError `login.tls_required` (RFC 7628, section 4), `login.method_unavailable` where no
 *   identity provider is configured
 */
export async function logInByOauth(client: TriedClient, deps: LoginDeps): Promise<LoginOutcome> {
  const { oauth } = deps;
  if (client.tls === null) throw tlsRequired(client);
  if (oauth === undefined) throw noProvider();
  const chosen = await offerSasl(client, ['OAUTHBEARER']);
  return chosen === null ? LEFT : logInByBearer(client, chosen.data, { ...deps, oauth });
}

/**
 * OAUTHBEARER, as PostgreSQL 18 speaks it (src/backend/libpq/auth-oauth.c).
 * @param initial the client's initial response
 * @throws LoginRefused `login.oauth_rejected`, `login.unknown_user`, `login.owner_disabled`; GatewayError `wire.malformed`,
 *   `login.oauth_unavailable`
 */
export async function logInByBearer(
  client: TriedClient,
  initial: Buffer,
  deps: OauthDeps,
): Promise<LoginOutcome> {
  const token = parseBearer(initial);
  if (token === null) return discover(client, deps);
  try {
    return await logInByJwt(client, token, 'oauthbearer', deps);
  } catch (error) {
    if (error instanceof LoginRefused) await sayWhereToGetOne(client, deps).catch(endsAllTheSame);
    throw error;
  }
}

/** The token was judged: whatever the client answers, or that it leaves or says nothing, changes nothing in that. */
function endsAllTheSame(error: unknown): void {
  if (!(error instanceof GatewayError)) throw error;
}

/** A client that asks where to get a token; it will come again with one. */
async function discover(client: TriedClient, deps: OauthDeps): Promise<LoginOutcome> {
  const answer = await sayWhereToGetOne(client, deps);
  if (answer === null) return LEFT;
  if (!answer.equals(ACKNOWLEDGEMENT)) throw clientMalformed('malformed OAUTHBEARER message: ^A expected');
  const subject = subjectOf('oauthbearer', 'no token');
  throw rejected(client, 'login.oauth_rejected', 'the client asked where to get a token', subject);
}

/** @returns what the client says to it; null when it leaves */
function sayWhereToGetOne(client: TriedClient, { oauth }: OauthDeps): Promise<Buffer | null> {
  return exchangeSasl(client, bearerFailure(oauth.issuer, oauth.scopes));
}

/**
 * An access token of the identity provider, however it came. The session is that of the user whom it names, whatever the
 * start-up user.
 * @throws as `logInByBearer`
 */
export async function logInByJwt(
  client: TriedClient,
  token: string,
  mechanism: 'cleartext' | 'oauthbearer',
  deps: OauthDeps,
): Promise<LoginOutcome> {
  const fingerprint = deps.throttle.fingerprint(client.startup.user, Buffer.from(token));
  await client.mayTest();
  const verdict = await deps.oauth.verify(token);
  const subject = subjectOf(mechanism, fingerprint);
  if (!verdict.ok) throw rejected(client, 'login.oauth_rejected', verdict.reason, subject);
  const account = (await deps.credentials.byName(verdict.user))?.account;
  if (account === undefined) {
    throw rejected(client, 'login.unknown_user', `no user is named "${verdict.user}"`, subject);
  }
  if (account.disabled) {
    const known = subjectOf(mechanism, fingerprint, account);
    throw rejected(client, 'login.owner_disabled', `user "${account.name}" is disabled or removed`, known);
  }
  return { kind: 'proved', principal: provedByOauth(account, mechanism), preface: NOTHING };
}

function noProvider(): GatewayError {
  return new GatewayError(
    'login.method_unavailable',
    'the client wants to log in by OAuth, and no identity provider is configured',
    fatal('28000', 'no identity provider is configured here: log in by password or token'),
  );
}

type BearerCode = 'login.oauth_rejected' | 'login.unknown_user' | 'login.owner_disabled';

function rejected(
  client: LoginClient,
  code: BearerCode,
  message: string,
  subject: LoginRefused['subject'],
): LoginRefused {
  return new LoginRefused(code, message, faultFor(client.startup.user, subject.mechanism), subject);
}

/** Text and SQLSTATE are PostgreSQL's (src/backend/libpq/auth.c, auth_failed). */
function faultFor(user: string, mechanism: Mechanism): ClientFault<'28P01' | '28000'> {
  if (mechanism === 'cleartext') return authenticationFailed(user);
  return fatal('28000', `OAuth bearer authentication failed for user "${user}"`);
}
