import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Actor } from '../accounts/actor.ts';
import type { Visit } from './web/visit.ts';

/** A caller over HTTP always is someone. */
export type Caller = Actor & { readonly uid: string };

/** What a request carries from one step to the next. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** Set behind the middleware that asks for a credential. */
    caller: Caller;
    /** Set behind the middleware that lets signed-in visitors pass to a page. */
    visit: Visit;
  };
}

export type HttpContext = Context<HttpEnv>;
