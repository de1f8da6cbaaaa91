import { STATUS_CODES } from 'node:http';
import type { MiddlewareHandler } from 'hono';
import type { Callers } from '../auth/callers.ts';
import type { SignIn } from '../auth/sign-in.ts';
import { MAX_JSON_DEPTH, readText } from '../body.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpEnv } from '../env.ts';
import { jsonAnswer, type ErrorAnswer, type Facade } from '../facade.ts';
import type { Failure } from '../failure.ts';
import { parseJson } from '../json.ts';
import { nativeRoutes, type NativeRoutes } from './describe.ts';
import { exportRoutes } from './export.ts';
import { groupRoutes, privilegeRoutes } from './groups.ts';
import { meRoutes } from './me.ts';
import { auditRoutes, sessionRoutes } from './oversight.ts';
import { policyRoutes } from './policy.ts';
import { leakRoutes, signInRoutes, signOutRoutes } from './sign-in.ts';
import { tokenRoutes } from './tokens.ts';
import { userRoutes } from './users.ts';

/** Who calls these has no credential yet, or needs none. */
const SIGN_IN_PATHS = ['/api/v1/session', '/api/v1/leaked-tokens'];

/** RFC 9457 */
function renderProblem(failure: Failure, requestId: string): ErrorAnswer {
  const { status, code, message, issues } = failure;
  const problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    code,
    requestId,
    ...(issues.length > 0 ? { errors: issues } : {}),
  };
  return jsonAnswer(status, problem, {
    'content-type': 'application/problem+json',
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="patgate"' } : {}),
  });
}

/** Reads the body within limits before the validators do, and hands them what was read. */
function boundedBody(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const { method, headers, body } = c.req.raw;
    if (body !== null && method !== 'GET' && method !== 'HEAD') {
      const text = await readText(c.req.raw);
      if (text !== '') parseJson(text, MAX_JSON_DEPTH);
      c.req.raw = new Request(c.req.url, { method, headers, body: text === '' ? null : text });
    }
    await next();
  };
}

function describeApi(routes: NativeRoutes, version: string): void {
  const registry = routes.openAPIRegistry;
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A personal access token or a session token.',
  });
  registry.registerComponent('securitySchemes', 'basic', {
    type: 'http',
    scheme: 'basic',
    description: 'User name `token`, or the token’s owner; the personal access token as the password.',
  });
  routes.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'patgate',
      version,
      description: 'Personal access tokens for a PostgreSQL front door.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
  });
}

/** patgate's own API: everything that the other facades can do, and all that they can not. */
export function native(deps: HttpDeps, callers: Callers, signIn: SignIn): Facade {
  const routes = nativeRoutes();
  describeApi(routes, deps.product.version);
  for (const path of SIGN_IN_PATHS) routes.on('POST', path, boundedBody());
  signInRoutes(routes, deps, signIn, callers);
  leakRoutes(routes, deps);
  routes.use('/api/v1/*', callers.required(), boundedBody());
  signOutRoutes(routes, deps);
  meRoutes(routes, deps);
  exportRoutes(routes, deps);
  tokenRoutes(routes, deps);
  userRoutes(routes, deps);
  groupRoutes(routes, deps);
  privilegeRoutes(routes, deps);
  policyRoutes(routes, deps);
  sessionRoutes(routes, deps);
  auditRoutes(routes, deps);
  return {
    name: 'native',
    prefixes: ['/api/v1', '/openapi.json'],
    openPaths: [...SIGN_IN_PATHS, '/openapi.json'],
    routes,
    renderError: renderProblem,
  };
}
