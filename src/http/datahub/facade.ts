import { parse, type ExecutionResult } from 'graphql';
import { createGraphQLError, createSchema, createYoga, type Plugin } from 'graphql-yoga';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Callers } from '../auth/callers.ts';
import { readJson } from '../body.ts';
import type { HttpDeps } from '../deps.ts';
import type { Caller, HttpContext, HttpEnv } from '../env.ts';
import type { Facade } from '../facade.ts';
import { failureOf } from '../failure.ts';
import { BAD_REQUEST, graphqlError, renderDatahubError } from './errors.ts';
import { limitsRule } from './limits.ts';
import { operations, type CreateInput, type ListInput } from './resolvers.ts';
import { typeDefs } from './schema.ts';

const PATHS = ['/api/graphql', '/api/v2/graphql'] as const;
const MAX_TOKENS = 3000;
const LIMITS = { maxDepth: 8, maxFields: 500, maxRootFields: 10, maxAliases: 20 } as const;

interface GraphqlContext {
  readonly caller: Caller;
}

function makeSchema(deps: HttpDeps) {
  const run = operations(deps);
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status >= 500) deps.log.error({ err: error }, 'a GraphQL operation failed');
      throw graphqlError(failure);
    }
  };
  return createSchema<GraphqlContext>({
    typeDefs,
    resolvers: {
      Query: {
        listAccessTokens: (_: unknown, { input }: { input: ListInput }, { caller }) =>
          told(run.list(caller, input)),
        getAccessTokenMetadata: (_: unknown, { token }: { token: string }, { caller }) =>
          told(run.describe(caller, token)),
      },
      Mutation: {
        createAccessToken: (_: unknown, { input }: { input: CreateInput }, { caller }) =>
          told(run.create(caller, input)),
        revokeAccessToken: (_: unknown, { tokenId }: { tokenId: string }, { caller }) =>
          told(run.revoke(caller, tokenId)),
      },
    },
  });
}

/** Errors of GraphQL itself (syntax, types, limits) get DataHub's extensions as well. */
function withExtensions({ errors, ...rest }: ExecutionResult): ExecutionResult {
  if (errors === undefined) return rest;
  const told = errors.map((error) =>
    'type' in error.extensions
      ? error
      : createGraphQLError(error.message, { path: error.path ?? null, extensions: { ...BAD_REQUEST } }),
  );
  return { ...rest, errors: told };
}

/** Bounds what a document may cost before it is run, in the order in which it gets dearer to look. */
const bounded: Plugin = {
  onParse(hook) {
    hook.setParseFn((source: string) => parse(source, { maxTokens: MAX_TOKENS }));
  },
  onValidate(hook) {
    hook.addValidationRule(limitsRule(LIMITS));
  },
  onResultProcess(hook) {
    const { result } = hook;
    if ('errors' in result) hook.setResult(withExtensions(result));
  },
};

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
  const yoga = createYoga<GraphqlContext>({
    schema: makeSchema(deps),
    graphqlEndpoint: PATHS[0],
    fetchAPI: { Request, Response, Headers, URL, ReadableStream, TextEncoder, TextDecoder },
    plugins: [bounded],
    graphiql: false,
    landingPage: false,
    multipart: false,
    cors: false,
    logging: false,
    // Documents come from strangers: remembering them would be remembering what they like.
    parserAndValidationCache: false,
  });
  const routes = new Hono<HttpEnv>();
  for (const path of PATHS) {
    routes.use(path, callers.required());
    routes.post(path, async (c) => {
      const params = await readJson(c, Params);
      const answer = await yoga.fetch(checkedRequest(c, params), { caller: c.get('caller') });
      return c.body(await answer.text(), 200, { 'content-type': 'application/json' });
    });
  }
  return { name: 'datahub', prefixes: [...PATHS], openPaths: [], routes, renderError: renderDatahubError };
}
