import { Hono, type MiddlewareHandler } from 'hono';
import { RequestError } from '../core/errors.ts';
import { Callers } from './auth/callers.ts';
import { SignIn } from './auth/sign-in.ts';
import { databricks } from './databricks/facade.ts';
import { datahub } from './datahub/facade.ts';
import type { HttpDeps } from './deps.ts';
import { dremioCloud } from './dremio/cloud.ts';
import { dremioSoftware } from './dremio/software.ts';
import type { HttpContext, HttpEnv } from './env.ts';
import { facadeOf, renderFailure, type Facade } from './facade.ts';
import { failureOf, MethodNotAllowed, type Failure } from './failure.ts';
import { healthRoutes } from './health.ts';
import { httpMetrics, type HttpMetrics } from './metrics.ts';
import { native } from './native/facade.ts';
import { requestIdOf } from './request-id.ts';
import { createScreen, type Screen } from './screen.ts';
import { securityHeaders } from './security-headers.ts';
import { web } from './web/facade.ts';

/** The application, and what a listener may ask before it bothers the application. */
export type HttpApp = Hono<HttpEnv> & { readonly screen: Screen };

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Gives each request an id, and counts and times its answer by facade. */
function observed(
  facades: readonly Facade[],
  metrics: HttpMetrics,
  deps: HttpDeps,
): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startMs = deps.clock.monotonicMs();
    const requestId = requestIdOf(c.req.header('x-request-id'));
    c.set('requestId', requestId);
    c.header('x-request-id', requestId);
    await next();
    const name = facadeOf(facades, c.req.path)?.name ?? 'other';
    metrics.answered(name, c.res.status, (deps.clock.monotonicMs() - startMs) / 1000);
  };
}

/** Why nothing answers: no such path, or none with that method. */
function noRoute(app: Hono<HttpEnv>, method: string, path: string): RequestError {
  const allow = METHODS.filter((one) =>
    app.router.match(one, path)[0].some(([[, route]]) => route.method === one),
  );
  if (allow.length > 0) return new MethodNotAllowed(method, allow);
  return new RequestError('request.not_found', `Nothing at ${path}.`);
}

/**
 * All interfaces as one application, each answering errors in its own product's words.
 * It holds no state but what guards against floods; several processes can serve it side by side.
 */
export function createHttpApp(deps: HttpDeps): HttpApp {
  const metrics = httpMetrics(deps.registry);
  const callers = new Callers(deps, metrics);
  const signIn = new SignIn(deps);
  const pages = web(deps, callers, signIn);
  const facades = [
    native(deps, callers, signIn),
    dremioCloud(deps, callers),
    dremioSoftware(deps, callers, signIn),
    databricks(deps, callers),
    datahub(deps, callers),
    pages,
  ];

  const answer = (c: HttpContext, failure: Failure): Response => {
    // What belongs to nobody is answered as a page to those who can show one.
    const browses = c.req.header('accept')?.includes('text/html') ?? false;
    const { status, headers, body } = renderFailure(
      facadeOf(facades, c.req.path) ?? (browses ? pages : null),
      failure,
      c.get('requestId'),
    );
    return body === null ? c.body(null, status, { ...headers }) : c.body(body, status, { ...headers });
  };

  const app = new Hono<HttpEnv>();
  app.use(securityHeaders(), observed(facades, metrics, deps));
  app.route('/', healthRoutes(deps.readiness, deps.clock, deps.freeChecks));
  for (const { routes } of facades) app.route('/', routes);
  app.notFound((c) => answer(c, failureOf(noRoute(app, c.req.method, c.req.path))));
  app.onError((error, c) => {
    const failure = failureOf(error);
    if (failure.status >= 500) {
      deps.log.error({ err: error, requestId: c.get('requestId'), path: c.req.path }, 'a request failed');
    }
    return answer(c, failure);
  });
  return Object.assign(app, { screen: createScreen({ facades, callers, metrics, deps }) });
}
