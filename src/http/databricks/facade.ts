import { Hono } from 'hono';
import type { Callers } from '../auth/callers.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpEnv } from '../env.ts';
import type { Facade } from '../facade.ts';
import { renderDatabricksError } from './errors.ts';
import { permissionRoutes } from './permissions.ts';
import { tokenManagementRoutes } from './token-management.ts';
import { tokenRoutes } from './tokens.ts';
import { workspaceConfRoutes } from './workspace-conf.ts';

const BASE = '/api/2.0';

/** Databricks' token APIs, https://docs.databricks.com/api/workspace/tokens and …/tokenmanagement */
export function databricks(deps: HttpDeps, callers: Callers): Facade {
  const routes = new Hono<HttpEnv>();
  routes.use('/api/2.0/*', callers.required());
  tokenRoutes(routes, deps);
  tokenManagementRoutes(routes, deps);
  permissionRoutes(routes, deps);
  workspaceConfRoutes(routes, deps);

  routes.get('/api/2.0/preview/scim/v2/Me', async (c) => {
    const caller = c.get('caller');
    const user = await deps.accounts.getUser(caller, { uid: caller.uid });
    return c.json({
      id: String(user.numericId),
      userName: user.name,
      displayName: user.displayName ?? user.name,
      active: user.state === 'active',
      groups: user.groups.map((display) => ({ display })),
    });
  });

  // Also for a known path with another method: there, 405 is never said.
  routes.all('/api/2.0/*', (c) => {
    const path = c.req.path.slice(BASE.length);
    const message = `No API found for '${c.req.method} ${path}'`;
    return c.json({ error_code: 'ENDPOINT_NOT_FOUND', message }, 404);
  });

  const prefixes = [BASE];
  return { name: 'databricks', prefixes, openPaths: [], routes, renderError: renderDatabricksError };
}
