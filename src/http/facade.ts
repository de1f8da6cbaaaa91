import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { HttpEnv } from './env.ts';
import type { Failure } from './failure.ts';

/** An answer that says what failed. */
export interface ErrorAnswer {
  readonly status: ContentfulStatusCode;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: none at all. */
  readonly body: string | null;
}

/** One product's view on the services: its paths, and its way to say that something failed. */
export interface Facade {
  /** Short, for metrics. */
  readonly name: string;
  /** Paths under these belong to it, known or not, and need a credential. */
  readonly prefixes: readonly string[];
  /** Paths that anyone may call, or that look at credentials by themselves. */
  readonly openPaths: readonly string[] | 'all';
  readonly routes: Hono<HttpEnv>;
  readonly renderError: (failure: Failure, requestId: string) => ErrorAnswer;
}

/** The facade whose prefix `path` is or lies under. */
export function facadeOf(facades: readonly Facade[], path: string): Facade | null {
  const isUnder = (prefix: string): boolean =>
    path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
  return facades.find(({ prefixes }) => prefixes.some(isUnder)) ?? null;
}

export function jsonAnswer(
  status: ContentfulStatusCode,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): ErrorAnswer {
  const body = JSON.stringify(value);
  return { status, headers: { 'content-type': 'application/json', ...headers }, body };
}

/** The failure in the facade's words; paths that belong to nobody get plain text. */
export function renderFailure(facade: Facade | null, failure: Failure, requestId: string): ErrorAnswer {
  const { status, message, retryAfterSeconds, allow } = failure;
  const answer = facade?.renderError(failure, requestId) ?? {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: `${message}\n`,
  };
  const more = {
    ...(retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) }),
    // RFC 9110, section 15.5.6
    ...(answer.status === 405 ? { allow: allow.join(', ') } : {}),
    // The rest of the body is not read, so nothing can follow it on the same connection.
    ...(status === 413 ? { connection: 'close' } : {}),
  };
  return { ...answer, headers: { ...answer.headers, ...more } };
}
