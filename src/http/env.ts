import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/** What a request carries from one step to the next. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** Of the client, after trusted proxies are taken into account; null when there is no socket. */
    address: string | null;
  };
}

export type HttpContext = Context<HttpEnv>;
