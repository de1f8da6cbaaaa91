import type { Hono } from 'hono';
import type { HttpContext, HttpEnv } from './env.ts';
import type { Failure } from './failure.ts';

/** One product's view on the services: its paths, and its way to say that something failed. */
export interface Facade {
  /** Short, for metrics. */
  readonly name: string;
  /** Paths under these belong to it, known or not. */
  readonly prefixes: readonly string[];
  readonly routes: Hono<HttpEnv>;
  readonly renderError: (c: HttpContext, failure: Failure) => Response;
}

/** The facade whose prefix `path` is or lies under. */
export function facadeOf(facades: readonly Facade[], path: string): Facade | null {
  const isUnder = (prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);
  return facades.find(({ prefixes }) => prefixes.some(isUnder)) ?? null;
}
