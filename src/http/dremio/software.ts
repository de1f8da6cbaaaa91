import { Hono } from 'hono';
import { RequestError } from '../../core/errors.ts';
import type { Callers } from '../auth/callers.ts';
import type { SignIn } from '../auth/sign-in.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpEnv } from '../env.ts';
import type { Facade } from '../facade.ts';
import { renderDremioError } from './errors.ts';
import { exchangeRoutes } from './exchange.ts';
import { loginRoutes } from './login.ts';
import { settingsRoutes } from './settings.ts';
import { userTokenRoutes } from './user-tokens.ts';

/** Dremio Software's login, user and token API, https://docs.dremio.com/current/reference/api/ */
export function dremioSoftware(deps: HttpDeps, callers: Callers, signIn: SignIn): Facade {
  const { accounts, tokens } = deps;
  const routes = new Hono<HttpEnv>();
  loginRoutes(routes, deps, signIn, callers);
  exchangeRoutes(routes, deps, callers);
  routes.use('/apiv2/*', callers.required());
  routes.use('/api/v3/*', callers.required());
  settingsRoutes(routes, deps);

  routes.get('/api/v3/user/by-name/:name', async (c) => {
    const name = c.req.param('name');
    const user = await accounts.findUser(c.get('caller'), { name });
    if (user === null) throw new RequestError('request.not_found', `User ${name} not found.`);
    const { uid, email, displayName, state } = user;
    return c.json({ id: uid, name: user.name, displayName, email, active: state === 'active' });
  });

  userTokenRoutes(routes, deps, { base: '/api/v3/user', time: (time) => time.toISOString() });

  routes.delete('/api/v3/token', async (c) => {
    const caller = c.get('caller');
    await tokens.revokeAll(caller, caller.uid);
    return c.body(null, 204);
  });

  return {
    name: 'dremio_software',
    prefixes: ['/apiv2', '/api/v3', '/oauth'],
    openPaths: ['/apiv2/login', '/oauth/token'],
    routes,
    renderError: renderDremioError,
  };
}
