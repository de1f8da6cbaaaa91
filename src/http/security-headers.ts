import type { MiddlewareHandler } from 'hono';
import type { HttpEnv } from './env.ts';

/** For answers that no browser should render, frame or keep; pages set their own policy over it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

const ONE_YEAR_SECONDS = 31_536_000;
/** Over TLS only, where alone it counts (RFC 6797, section 7.2). */
export const HSTS = { 'strict-transport-security': `max-age=${ONE_YEAR_SECONDS}` } as const;

/** Sets the headers before the handler, which may set others in their place. */
export function securityHeaders(): MiddlewareHandler<HttpEnv> {
  const plain = Object.entries(SECURITY_HEADERS);
  const secure = [...plain, ...Object.entries(HSTS)];
  return async (c, next) => {
    for (const [name, value] of c.req.url.startsWith('https:') ? secure : plain) c.header(name, value);
    await next();
  };
}
