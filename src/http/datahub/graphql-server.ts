import { parse, type ExecutionResult, type GraphQLError } from 'graphql';
import { createGraphQLError, createSchema, createYoga, type Plugin } from 'graphql-yoga';
import type { HttpDeps } from '../deps.ts';
import type { Caller } from '../env.ts';
import { failureOf, type Failure } from '../failure.ts';
import { BAD_REQUEST, datahubError } from './errors.ts';
import { limitsRule } from './limits.ts';
import { operations, type CreateInput, type ListInput } from './resolvers.ts';
import { typeDefs } from './schema.ts';

const MAX_TOKENS = 3000;
const LIMITS = { maxDepth: 8, maxFields: 500, maxRootFields: 10, maxAliases: 20 } as const;

export interface GraphqlContext {
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

/** Runs checked documents. */
export interface GraphqlServer {
  fetch(request: Request, context: GraphqlContext): Response | Promise<Response>;
}

/** @param endpoint path of the requests that it will be given */
export function createGraphqlServer(deps: HttpDeps, endpoint: string): GraphqlServer {
  return createYoga<GraphqlContext>({
    schema: makeSchema(deps),
    graphqlEndpoint: endpoint,
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
}

/** What fails inside an operation is told in the answer of that operation, with HTTP status 200. */
function graphqlError(failure: Failure): GraphQLError {
  const { message, extensions } = datahubError(failure);
  return createGraphQLError(message, { extensions: { ...extensions } });
}
