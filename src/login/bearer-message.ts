import { fatal, GatewayError } from '../core/errors.ts';
import { clientMalformed } from '../wire/malformed.ts';

/** Ends each key and value, and the whole message (RFC 7628, section 3.1). */
const KVSEP = '\u0001';

/**
 * Reads OAUTHBEARER's client response (RFC 7628, section 3.1): `n,,^Aauth=Bearer <token>^A^A`.
 * @returns the token; null when the client only asks where to get one (empty `auth`)
 * @throws GatewayError `wire.malformed`
 */
export function parseBearer(data: Buffer): string | null {
  const text = data.toString('latin1');
  const match = /^([nyp])[^,]*,([^,]*),\u0001/.exec(text);
  if (match === null) throw clientMalformed('malformed OAUTHBEARER message: gs2 header expected');
  const [header, flag, authzid] = match;
  if (flag === 'p') throw clientMalformed('OAUTHBEARER knows no channel binding');
  if (authzid !== '') throw refusedAuthzid();
  const pairs = text.slice(header.length).split(KVSEP);
  if (pairs.length < 3 || pairs.at(-1) !== '' || pairs.at(-2) !== '') {
    throw clientMalformed('malformed OAUTHBEARER message: not ended');
  }
  const values = pairs.slice(0, -2).filter((pair) => pair.startsWith('auth='));
  const [auth, another] = values;
  if (auth === undefined || another !== undefined) {
    throw clientMalformed('malformed OAUTHBEARER message: one "auth" expected');
  }
  return tokenOf(auth.slice('auth='.length));
}

/** RFC 6750, section 2.1: the scheme in any case, then a b64token. */
function tokenOf(auth: string): string | null {
  if (auth === '') return null;
  const match = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(auth);
  if (match?.[1] === undefined) throw clientMalformed('malformed OAUTHBEARER message: bearer token expected');
  return match[1];
}

function refusedAuthzid(): GatewayError {
  const message = 'client uses an authorization identity, but it is not supported';
  return new GatewayError('wire.malformed', message, fatal('0A000', message));
}

/** What a client without a good token is told before the refusal (RFC 7628, section 3.2.2). */
export function bearerFailure(issuer: string, scopes: readonly string[]): Buffer {
  const configuration = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  return Buffer.from(
    JSON.stringify({
      status: 'invalid_token',
      'openid-configuration': configuration,
      scope: scopes.join(' '),
    }),
  );
}
