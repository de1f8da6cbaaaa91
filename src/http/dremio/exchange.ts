import type { Hono } from 'hono';
import { RequestError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { kindOfToken } from '../../tokens/format.ts';
import { isBarred } from '../auth/barred.ts';
import type { Callers } from '../auth/callers.ts';
import { readText } from '../body.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpContext, HttpEnv } from '../env.ts';
import { failureOf, type Failure } from '../failure.ts';
import { originOf } from '../origin.ts';

/** RFC 8693, section 2.1 */
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const SUBJECT_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:dremio:personal-access-token';
/** RFC 8693, section 3 */
const ISSUED_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
const SCOPE = 'dremio.all';

/** RFC 6749, section 5.2 */
type OauthCode = 'invalid_request' | 'invalid_grant' | 'unsupported_grant_type' | 'invalid_scope';

class OauthError extends RequestError {
  readonly oauthCode: OauthCode;

  constructor(oauthCode: OauthCode, message: string) {
    super('request.invalid', message);
    this.oauthCode = oauthCode;
  }
}

/** The error object of RFC 6749, section 5.2; a refused subject token is `invalid_grant` with 400. */
function renderOauthError(c: HttpContext, error: unknown, { status, code, message }: Failure): Response {
  if (status === 401 || isBarred(code))
    return c.json({ error: 'invalid_grant', error_description: message }, 400);
  const oauthCode = error instanceof OauthError ? error.oauthCode : 'invalid_request';
  return c.json({ error: oauthCode, error_description: message }, status);
}

/** @throws OauthError for a body that is no form, and for repeated parameters (RFC 6749, section 3.2) */
async function readForm(c: HttpContext): Promise<ReadonlyMap<string, string>> {
  const type = c.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    throw new OauthError('invalid_request', 'The body must be application/x-www-form-urlencoded.');
  }
  const fields = [...new URLSearchParams(await readText(c.req.raw))];
  const form = new Map(fields);
  if (form.size !== fields.length) throw new OauthError('invalid_request', 'A parameter is repeated.');
  return form;
}

function subjectToken(form: ReadonlyMap<string, string>): Secret {
  const grantType = form.get('grant_type');
  if (grantType === undefined) throw new OauthError('invalid_request', 'grant_type is missing.');
  if (grantType !== GRANT_TYPE) throw new OauthError('unsupported_grant_type', `Only ${GRANT_TYPE}.`);
  if (form.get('subject_token_type') !== SUBJECT_TOKEN_TYPE) {
    throw new OauthError('invalid_request', `subject_token_type must be ${SUBJECT_TOKEN_TYPE}.`);
  }
  if ((form.get('scope') ?? SCOPE) !== SCOPE)
    throw new OauthError('invalid_scope', `scope must be ${SCOPE}.`);
  const token = form.get('subject_token') ?? '';
  if (token === '') throw new OauthError('invalid_request', 'subject_token is missing.');
  if (kindOfToken(token) !== 'pat') {
    throw new OauthError('invalid_grant', 'subject_token is not a personal access token.');
  }
  return new Secret(token);
}

/** `/oauth/token`: a personal access token for an access token of at most one hour, which dies with it. */
export function exchangeRoutes(routes: Hono<HttpEnv>, deps: HttpDeps, callers: Callers): void {
  const { clock, trustedProxies } = deps;

  routes.post('/oauth/token', async (c) => {
    try {
      const secret = subjectToken(await readForm(c));
      const proved = await callers.prove(secret, originOf(c, trustedProxies));
      const { token, expiresAt } = await callers.openSession(proved, 'exchange');
      c.header('pragma', 'no-cache');
      return c.json({
        access_token: token.reveal(),
        expires_in: Math.floor((expiresAt.getTime() - clock.now().getTime()) / 1000),
        token_type: 'Bearer',
        issued_token_type: ISSUED_TOKEN_TYPE,
        scope: SCOPE,
      });
    } catch (error) {
      const failure = failureOf(error);
      // "Try later" and defects look the same on all paths.
      if (failure.status >= 429) throw error;
      return renderOauthError(c, error, failure);
    }
  });
}
