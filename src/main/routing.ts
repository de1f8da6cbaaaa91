import type { Principal } from '../accounts/principal.ts';
import type { Config } from '../config/config.ts';
import type { Engine } from '../upstream/engine.ts';
import type { Engines } from '../upstream/engines.ts';
import type { Route } from '../upstream/open.ts';
import { wantedDatabase, type Router } from '../upstream/routes.ts';

/** What stands in the place of an engine's name for sessions with the SQL console. */
const CONSOLE = 'console';

export interface Routing {
  /** Where database names lead, that of the SQL console too. */
  readonly route: Router;
  /** Null: the SQL console. */
  readonly engineOf: (route: Route) => Engine | null;
}

export function routingOf(config: Config, engines: Pick<Engines, 'route' | 'get'>): Routing {
  return {
    route: withConsoleRoute(engines.route, config),
    engineOf: (route) => (isConsole(route, config) ? null : engines.get(route.engine)),
  };
}

/** A router that knows the SQL console as well. */
export function withConsoleRoute<P extends Pick<Principal, 'defaultDatabase'>>(
  router: (requested: string | null, principal: P) => Route,
  { console: { database }, login }: Config,
): (requested: string | null, principal: P) => Route {
  if (database === null) return router;
  const route: Route = { engine: CONSOLE, database, name: database };
  return (requested, principal) =>
    wantedDatabase(requested, principal, login.tokenUsers) === database
      ? route
      : router(requested, principal);
}

/** An engine may be called `console` too; the name of the database tells. */
export function isConsole(route: Route, config: Config): boolean {
  return route.name === config.console.database;
}
