import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../core/clock.ts';
import { describeError, fatal, GatewayError } from '../core/errors.ts';
import { isUnverified } from '../core/unverified.ts';

export interface OauthOptions {
  /** Exactly as in the token's `iss`. */
  readonly issuer: string;
  /** Must be in the token's `aud`: a token that was issued for another service is no login here. */
  readonly audience: string;
  /** The issuer's public keys; null: as its discovery document says. */
  readonly jwksUrl: string | null;
  /** Claim that holds a user name or e-mail address. */
  readonly userClaim: string;
  /** What a client should ask the issuer for. */
  readonly scopes: readonly string[];
}

/** `reason` is for log and audit. */
export type OauthVerdict =
  | { readonly ok: true; /** name or e-mail address */ readonly user: string }
  | { readonly ok: false; readonly reason: string };

/** Checks access tokens of an identity provider (RFC 9068, RFC 7519). */
export interface OauthVerifier {
  readonly issuer: string;
  readonly scopes: readonly string[];
  /** @throws GatewayError `login.oauth_unavailable` when the issuer's keys can not be had */
  verify(token: string): Promise<OauthVerdict>;
}

/** Signatures by a key that only the issuer has: nothing symmetric, never `none` (RFC 8725, section 3.1). */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const CLOCK_TOLERANCE_S = 30;
const FETCH_TIMEOUT_MS = 5000;

/** Whether a secret has the shape of a JWT; passwords and tokens of our own never do. */
export function looksLikeJwt(text: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** Keys are fetched at the first login, kept for ten minutes, and fetched again at once for a key that is new. */
export function createOauthVerifier(options: OauthOptions, clock: Clock): OauthVerifier {
  const { issuer, audience, scopes } = options;
  const keys = lazily(() => openKeys(options));
  return {
    issuer,
    scopes,
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, await keys(), {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          clockTolerance: CLOCK_TOLERANCE_S,
          currentDate: clock.now(),
          requiredClaims: ['exp'],
        });
        return userOf(payload, options.userClaim);
      } catch (error) {
        if (isUnavailable(error)) throw unavailable(error);
        return { ok: false, reason: describeError(error) };
      }
    },
  };
}

function userOf(payload: JWTPayload, claim: string): OauthVerdict {
  const user = payload[claim];
  if (typeof user !== 'string' || user === '') return { ok: false, reason: `no claim "${claim}"` };
  if (claim === 'email' && isUnverified(payload)) {
    return { ok: false, reason: 'the e-mail address is not verified' };
  }
  return { ok: true, user };
}

async function openKeys({ issuer, jwksUrl }: OauthOptions): Promise<JWTVerifyGetKey> {
  const url = jwksUrl ?? (await discover(issuer));
  return createRemoteJWKSet(new URL(url), { timeoutDuration: FETCH_TIMEOUT_MS });
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok) throw new TypeError(`${url} answered ${response.status}`);
  const document: unknown = await response.json();
  if (!isDiscovery(document) || document.issuer !== issuer) {
    throw new TypeError(`${url} is not the discovery document of ${issuer}`);
  }
  return document.jwks_uri;
}

function isDiscovery(value: unknown): value is { issuer: string; jwks_uri: string } {
  if (typeof value !== 'object' || value === null) return false;
  return 'issuer' in value && 'jwks_uri' in value && typeof value.jwks_uri === 'string';
}

/** Remembers what `make` gave, but not that it failed. */
function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
}

/** What jose says of a token is an error of its own kind; what else there is, is the issuer or the way to it. */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return (
    error instanceof errors.JWKSTimeout ||
    error.code === 'ERR_JOSE_GENERIC' ||
    error instanceof errors.JWKSInvalid
  );
}

function unavailable(cause: unknown): GatewayError {
  return new GatewayError(
    'login.oauth_unavailable',
    `the identity provider can not be asked for its keys: ${describeError(cause)}`,
    fatal('57P03', 'logins are unavailable: the identity provider can not be reached'),
    { cause },
  );
}
