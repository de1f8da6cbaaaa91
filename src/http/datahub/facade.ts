import { Hono } from 'hono';
import { z } from 'zod';
import type { Callers } from '../auth/callers.ts';
import { readJson } from '../body.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpContext, HttpEnv } from '../env.ts';
import type { Facade } from '../facade.ts';
import { renderDatahubError } from './errors.ts';
import type { GraphqlServer } from './graphql-server.ts';

const PATHS = ['/api/graphql', '/api/v2/graphql'] as const;

/** The parameters of GraphQL over HTTP; anything else is ignored. */
const Params = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});

/** A request that yoga reads: what was checked, and nothing of the original's headers. */
function checkedRequest(c: HttpContext, params: z.output<typeof Params>): Request {
  return new Request(new URL(PATHS[0], c.req.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(params),
  });
}

/** DataHub's access token operations, https://docs.datahub.com/docs/api/graphql/token-management */
export function datahub(deps: HttpDeps, callers: Callers): Facade {
  let server: Promise<GraphqlServer> | null = null;
  // A quarter of all code: read when somebody asks, so that others do not wait for it at the start.
  const loaded = (): Promise<GraphqlServer> =>
    (server ??= import('./graphql-server.ts').then(({ createGraphqlServer }) =>
      createGraphqlServer(deps, PATHS[0]),
    ));
  const routes = new Hono<HttpEnv>();
  for (const path of PATHS) {
    routes.use(path, callers.required());
    routes.post(path, async (c) => {
      const params = await readJson(c, Params);
      const yoga = await loaded();
      const answer = await yoga.fetch(checkedRequest(c, params), { caller: c.get('caller') });
      return c.body(await answer.text(), 200, { 'content-type': 'application/json' });
    });
  }
  return { name: 'datahub', prefixes: [...PATHS], openPaths: [], routes, renderError: renderDatahubError };
}
