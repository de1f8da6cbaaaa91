import type { MiddlewareHandler } from 'hono';
import type { HttpEnv } from './env.ts';

/** For answers that no browser should render, frame or keep; pages bring their own policy, which then stands. */
const HEADERS: readonly (readonly [string, string])[] = [
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'same-origin'],
];

const ONE_YEAR_SECONDS = 31_536_000;

/** Sets what an answer has not set itself; HSTS only over TLS, where alone it counts (RFC 6797, section 7.2). */
export function securityHeaders(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    for (const [name, value] of HEADERS) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
    if (c.req.url.startsWith('https:')) {
      c.res.headers.set('strict-transport-security', `max-age=${ONE_YEAR_SECONDS}`);
    }
  };
}
