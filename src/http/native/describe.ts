import { OpenAPIHono, z, type RouteConfig } from '@hono/zod-openapi';
import type { HttpEnv } from '../env.ts';
import { InvalidRequest } from '../failure.ts';
import { Problem } from './schemas.ts';

export type NativeRoutes = OpenAPIHono<HttpEnv>;

/** Routes whose parameters and bodies are checked against their description. */
export function nativeRoutes(): NativeRoutes {
  return new OpenAPIHono<HttpEnv>({
    defaultHook: (result: { success: boolean; error?: z.ZodError }) => {
      if (result.error !== undefined) throw new InvalidRequest(result.error.issues);
    },
  });
}

/** An answer with a JSON body of that shape. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

/** A request's JSON body; it may not be left out. */
export function body<T extends z.ZodType>(schema: T) {
  return { required: true, content: { 'application/json': { schema } } };
}

/** A JSON body that may be left out, which is then `{}`. */
export function optionalBody<T extends z.ZodType>(schema: T) {
  return { content: { 'application/json': { schema } } };
}

export const NO_CONTENT = { description: 'Done.' } as const;

/** A path parameter `{name}` that is an id or a name. */
export function parameter<N extends string>(name: N, description: string) {
  const schema = z.string().min(1).max(250).openapi({ description });
  return z.object({ [name]: schema } as Record<N, typeof schema>);
}

const PROBLEM = {
  description:
    '400 malformed or against a rule, 401 no valid credential, 403 not allowed, 404 unknown or not visible, 409 conflict, ' +
    '413 too large, 429 too many failures, 503 the store is away',
  content: { 'application/problem+json': { schema: Problem } },
} as const;

/** An operation that anyone may call. */
export function open<const R extends RouteConfig>(config: R): R {
  return { ...config, responses: { ...config.responses, default: PROBLEM } };
}

/** An operation for callers with a credential. */
export function secured<const R extends RouteConfig>(config: R): R {
  return open({ ...config, security: [{ bearer: [] }, { basic: [] }] });
}
