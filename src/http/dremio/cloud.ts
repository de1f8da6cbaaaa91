import { Hono } from 'hono';
import type { Callers } from '../auth/callers.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpEnv } from '../env.ts';
import type { Facade } from '../facade.ts';
import { renderDremioError } from './errors.ts';
import { userTokenRoutes } from './user-tokens.ts';

/** Dremio Cloud's personal access token API, https://docs.dremio.com/cloud/reference/api/ */
export function dremioCloud(deps: HttpDeps, callers: Callers): Facade {
  const routes = new Hono<HttpEnv>();
  routes.use('/v0/*', callers.required());
  userTokenRoutes(routes, deps, { base: '/v0/user', time: (time) => time.getTime() });
  return { name: 'dremio_cloud', prefixes: ['/v0'], openPaths: [], routes, renderError: renderDremioError };
}
