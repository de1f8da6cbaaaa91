import { z } from '@hono/zod-openapi';
import { RequestError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { isWellFormed } from '../../tokens/format.ts';
import { addressBlock } from '../../core/address.ts';
import { parseAuthorization } from '../auth/header.ts';
import { FailureLimiter } from '../auth/limiter.ts';
import type { Callers } from '../auth/callers.ts';
import type { SignIn } from '../auth/sign-in.ts';
import type { HttpDeps } from '../deps.ts';
import { RateLimited } from '../failure.ts';
import { originOf } from '../origin.ts';
import { body, json, NO_CONTENT, open, secured, type NativeRoutes } from './describe.ts';

const SecretText = z
  .string()
  .min(1)
  .max(1000)
  .transform((text) => new Secret(text))
  .openapi({ type: 'string', format: 'password' });

const Login = z.strictObject({ name: z.string().min(1).max(250), password: SecretText }).openapi('Login');
const Opened = z
  .object({
    token: z.string().openapi({ description: 'To be sent as a bearer.' }),
    expiresAt: z.string().openapi({ format: 'date-time' }),
  })
  .openapi('OpenedSession');

/** `POST /api/v1/session`: the one place that takes a password. */
export function signInRoutes(
  routes: NativeRoutes,
  { trustedProxies }: HttpDeps,
  signIn: SignIn,
  callers: Callers,
): void {
  const login = open({
    method: 'post',
    path: '/api/v1/session',
    tags: ['me'],
    summary: 'Sign in with a name and a password or token; the session token lives 30 hours',
    request: { body: body(Login) },
    responses: { 201: json(Opened, 'A session token.') },
  });
  routes.openapi(login, async (c) => {
    const { name, password } = c.req.valid('json');
    const proved = await signIn.prove(name, password, originOf(c, trustedProxies));
    const { token, expiresAt } = await callers.openSession(proved, 'login');
    return c.json({ token: token.reveal(), expiresAt: expiresAt.toISOString() }, 201);
  });
}

/** `DELETE /api/v1/session` */
export function signOutRoutes(routes: NativeRoutes, { authenticator, trustedProxies }: HttpDeps): void {
  const logout = secured({
    method: 'delete',
    path: '/api/v1/session',
    tags: ['me'],
    summary: 'End the session whose token is the bearer',
    responses: { 204: NO_CONTENT },
  });
  routes.openapi(logout, async (c) => {
    const presented = parseAuthorization(c.req.header('authorization'));
    if (presented.kind === 'bearer')
      await authenticator.endSession(presented.secret, originOf(c, trustedProxies));
    return c.body(null, 204);
  });
}

/** `POST /api/v1/leaked-tokens`: anyone who holds a token can have it revoked. */
export function leakRoutes(routes: NativeRoutes, { tokens, clock, trustedProxies }: HttpDeps): void {
  /** Of reports that ended nothing. */
  const idle = new FailureLimiter({ burst: 20, perSecond: 0.2, maxKeys: 10_000, clock });
  const report = open({
    method: 'post',
    path: '/api/v1/leaked-tokens',
    tags: ['tokens'],
    summary: 'Report a token that you found: it is revoked at once',
    request: { body: body(z.strictObject({ token: SecretText }).openapi('LeakedToken')) },
    responses: { 200: json(z.object({ revoked: z.literal(true) }).openapi('Leaked'), 'It is revoked.') },
  });
  routes.openapi(report, async (c) => {
    const { token } = c.req.valid('json');
    const notOurs = new RequestError('request.not_found', 'No token of this installation.');
    if (!isWellFormed(token.reveal())) throw notOurs;
    const origin = originOf(c, trustedProxies);
    const key = addressBlock(origin.address ?? '');
    const waitMs = idle.waitMs(key);
    if (waitMs > 0)
      throw new RateLimited(waitMs, 'Too many reports of tokens that are unknown or dead. Try again later.');
    const outcome = await tokens.reportLeaked(token, origin);
    if (outcome !== 'revoked') idle.spend(key);
    if (outcome === 'unknown') throw notOurs;
    return c.json({ revoked: true as const }, 200);
  });
}
