import type { Context, MiddlewareHandler } from 'hono';
import { RequestError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { ProvedCaller } from '../../tokens/authenticator.ts';
import type { Caller, HttpEnv } from '../env.ts';
import { failureOf } from '../failure.ts';
import { originOf } from '../origin.ts';
import { dropSession, isSecure, readSession, writeSession } from './cookie.ts';
import { readForm, type Form } from './form.ts';
import { demandFormKey, demandSameSite, formKey } from './same-site.ts';
import type { Web } from './web.ts';

/** Somebody who is signed in and looks at a page. */
export interface Visit {
  readonly caller: Caller;
  /** The cookie's value. */
  readonly session: Secret;
  /** Every form carries it. */
  readonly key: string;
  /** Whether the password was given a short while ago. */
  readonly fresh: boolean;
  /** Where the visitor may sign in again in place of giving the password; null: nowhere. */
  readonly provider: string | null;
  /** Came with a token in place of a password: may look, but make nothing. */
  readonly byToken: boolean;
}

/** After so long, what can not be undone or makes a secret asks for the password again. */
const FRESH_MS = 10 * 60_000;

/** Lets a request pass with its visitor; others are sent to sign in, and come back to the page that they wanted. */
export function signedIn(web: Web): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const visit = await findVisit(c, web);
    if (visit === null) return c.redirect(signInPath(c), 303);
    c.set('visit', visit);
    c.set('caller', visit.caller);
    await next();
    return undefined;
  };
}

/** Null for a cookie that is missing, unknown, expired, or whose owner may not enter any more. */
export async function findVisit(c: Context<HttpEnv>, web: Web): Promise<Visit | null> {
  const session = readSession(c, isSecure(c, web.publicUrl));
  if (session === null) return null;
  try {
    const { actor, openedAt, sessionKind } = await web.callers.prove(
      session,
      originOf(c, web.deps.trustedProxies),
    );
    // What is good for the APIs is none of our cookies.
    if (openedAt === null || sessionKind !== 'web') return null;
    const byToken = actor.tid !== null;
    const fresh = !byToken && web.deps.clock.now().getTime() - openedAt.getTime() < FRESH_MS;
    return {
      caller: actor,
      session,
      key: formKey(session),
      fresh,
      byToken,
      provider: web.deps.provider?.name ?? null,
    };
  } catch (error) {
    if (failureOf(error).status === 401) return null;
    throw error;
  }
}

/**
 * The form that a signed-in visitor sent, from a page of ours.
 * @throws RequestError request.forbidden, request.invalid, request.too_large
 */
export async function postedForm(c: Context<HttpEnv>, web: Web): Promise<Form> {
  demandSameSite(c, web.publicUrl);
  const form = await readForm(c);
  demandFormKey(form.text('key'), c.get('visit').session);
  return form;
}

/** Begins a session in this browser, in place of the one that it had. */
export async function enter(c: Context<HttpEnv>, web: Web, proved: ProvedCaller): Promise<Visit> {
  const caller = proved.actor;
  const secure = isSecure(c, web.publicUrl);
  const before = readSession(c, secure);
  const { token } = await web.callers.openSession(proved, 'web');
  if (before !== null) {
    await web.deps.authenticator.endSession(before, originOf(c, web.deps.trustedProxies));
  }
  writeSession(c, token, secure);
  const byToken = caller.tid !== null;
  const provider = web.deps.provider?.name ?? null;
  return { caller, session: token, key: formKey(token), fresh: !byToken, byToken, provider };
}

export async function leave(c: Context<HttpEnv>, web: Web): Promise<void> {
  await web.deps.authenticator.endSession(c.get('visit').session, originOf(c, web.deps.trustedProxies));
  dropSession(c, isSecure(c, web.publicUrl));
}

/**
 * Asks for the password again, unless it was given a short while ago. A right one begins a new session, so that what a thief
 * of the old cookie can do does not grow.
 * @throws RequestError request.forbidden for those who came with a token, request.invalid naming the field `password`
 */
export async function confirmPassword(c: Context<HttpEnv>, web: Web, form: Form): Promise<void> {
  const { caller, fresh, byToken } = c.get('visit');
  if (byToken) throw new RequestError('request.forbidden', BY_TOKEN);
  if (fresh) return;
  const wrong = (message: string) => new RequestError('request.invalid', message, { field: 'password' });
  const password = form.secret('password');
  if (password.isEmpty) throw wrong('Enter your password to go on.');
  const origin = originOf(c, web.deps.trustedProxies);
  const proved = await web.signIn.prove(caller.name, password, origin).catch((error: unknown) => {
    if (failureOf(error).status === 401) throw wrong('The password is wrong.');
    throw error;
  });
  if (proved.actor.tid !== null) throw wrong('Enter your password, not a token.');
  if (proved.actor.uid !== caller.uid) throw wrong('The password is wrong.');
  const visit = await enter(c, web, proved);
  c.set('visit', visit);
  c.set('caller', visit.caller);
}

export const BY_TOKEN =
  'You signed in with a token, which may look but make nothing. Sign in with your password.';

function signInPath(c: Context<HttpEnv>): string {
  const { pathname, search } = new URL(c.req.url);
  if (c.req.method !== 'GET' || pathname === '/') return '/sign-in';
  return `/sign-in?${new URLSearchParams({ next: pathname + search }).toString()}`;
}
