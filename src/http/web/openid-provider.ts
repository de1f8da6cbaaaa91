import * as client from 'openid-client';
import { isLoopback } from '../../core/address.ts';
import { describeError } from '../../core/errors.ts';
import { isUnverified } from '../../core/unverified.ts';
import type { Secret } from '../../core/secret.ts';
import type { ProviderTrip, SignInProvider, Vouched } from './sign-in-provider.ts';

export interface ProviderOptions {
  readonly issuer: string;
  readonly clientId: string;
  /** Null: a public client. */
  readonly clientSecret: Secret | null;
  readonly scopes: readonly string[];
  /** Claim that holds a user name or e-mail address. */
  readonly userClaim: string;
}

const TIMEOUT_S = 5;
/** How long ago the password may have been given to the provider when it was told to ask again. */
const AGAIN_S = 300;

/** The library looks for this very function, so it can not be wrapped. */
// eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so as a warning; this is what it is for
const ALLOW_PLAIN_HTTP: (configuration: client.Configuration) => void = client.allowInsecureRequests;

/** Reads what the provider says of itself at the first use, and again after a failure. */
export function createOpenidProvider(options: ProviderOptions): SignInProvider {
  let known: Promise<client.Configuration> | null = null;
  const configuration = (): Promise<client.Configuration> => {
    known ??= discover(options).catch((error: unknown) => {
      known = null;
      throw error;
    });
    return known;
  };
  return {
    name: new URL(options.issuer).host,
    begin: async (returnUrl, again) => begin(await configuration(), options, returnUrl, again),
    async finish(returnUrl, query, trip) {
      try {
        return await finish(await configuration(), options, new URL(`${returnUrl}${query}`), trip);
      } catch (error) {
        return { ok: false, reason: describeError(error) };
      }
    },
  };
}

async function discover({ issuer, clientId, clientSecret }: ProviderOptions): Promise<client.Configuration> {
  const execute = isOnLoopback(issuer) ? [ALLOW_PLAIN_HTTP] : [];
  const options = { timeout: TIMEOUT_S, execute };
  const found = await client.discovery(new URL(issuer), clientId, undefined, client.None(), options);
  const metadata = found.serverMetadata();
  const secret = authentication(metadata, clientSecret);
  const configuration = new client.Configuration(metadata, clientId, undefined, secret);
  configuration.timeout = TIMEOUT_S;
  for (const change of execute) change(configuration);
  // Who the visitor is follows from the ID token, so its signature is checked, though it came over TLS.
  client.enableNonRepudiationChecks(configuration);
  return configuration;
}

/** Without TLS, codes and tokens would cross a network in the clear: there is none on loopback alone. */
function isOnLoopback(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer);
  return protocol === 'http:' && isLoopback(hostname);
}

/** OpenID Connect Discovery 1.0, section 3: Basic is what a provider that says nothing takes. */
function authentication(
  { token_endpoint_auth_methods_supported: methods }: client.ServerMetadata,
  secret: Secret | null,
): client.ClientAuth {
  if (secret === null) return client.None();
  const basic = methods === undefined || methods.includes('client_secret_basic');
  return basic ? client.ClientSecretBasic(secret.reveal()) : client.ClientSecretPost(secret.reveal());
}

async function begin(
  configuration: client.Configuration,
  { scopes }: ProviderOptions,
  returnUrl: string,
  again: boolean,
): ReturnType<SignInProvider['begin']> {
  const trip = {
    state: client.randomState(),
    nonce: client.randomNonce(),
    verifier: client.randomPKCECodeVerifier(),
    again,
  };
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: returnUrl,
    scope: [...new Set(['openid', ...scopes])].join(' '),
    state: trip.state,
    nonce: trip.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(trip.verifier),
    code_challenge_method: 'S256',
    ...(again && { prompt: 'login', max_age: '0' }),
  });
  return { url: url.href, trip };
}

async function finish(
  configuration: client.Configuration,
  { userClaim }: ProviderOptions,
  url: URL,
  { state, nonce, verifier, again }: ProviderTrip,
): Promise<Vouched> {
  const tokens = await client.authorizationCodeGrant(configuration, url, {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
    ...(again && { maxAge: AGAIN_S }),
  });
  const claims = tokens.claims();
  if (claims === undefined) return { ok: false, reason: 'no ID token' };
  const more =
    claims[userClaim] === undefined && configuration.serverMetadata().userinfo_endpoint !== undefined;
  const found = more ? await client.fetchUserInfo(configuration, tokens.access_token, claims.sub) : claims;
  return userOf(found, userClaim);
}

function userOf(claims: Readonly<Record<string, unknown>>, claim: string): Vouched {
  const user = claims[claim];
  if (typeof user !== 'string' || user === '') return { ok: false, reason: `no claim "${claim}"` };
  if (claim === 'email' && isUnverified(claims)) {
    return { ok: false, reason: 'the e-mail address is not verified' };
  }
  return { ok: true, user };
}
