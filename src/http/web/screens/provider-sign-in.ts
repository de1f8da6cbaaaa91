import type { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { describeError } from '../../../core/errors.ts';
import { barredFrom } from '../../auth/barred.ts';
import type { HttpContext, HttpEnv } from '../../env.ts';
import { originOf } from '../../origin.ts';
import { isSecure } from '../cookie.ts';
import { localPath } from '../local-path.ts';
import { ProviderTrip, type SignInProvider } from '../sign-in-provider.ts';
import { html } from '../ui/html.ts';
import { openPage } from '../ui/layout.ts';
import { enter } from '../visit.ts';
import type { Web } from '../web.ts';
import { signInPage } from './sign-in.ts';

const RETURN_PATH = '/sign-in/callback';
const TEN_MINUTES_S = 600;
const HOME = '/tokens';
const FAILED = 'The identity provider did not confirm who you are. Try again, or sign in with your password.';
const UNKNOWN = 'There is no user for you here. Ask an administrator.';

/** `/sign-in/provider` leads to the identity provider, from which the browser comes back to `/sign-in/callback`. */
export function providerSignIn(routes: Hono<HttpEnv>, web: Web, provider: SignInProvider): void {
  routes.get('/sign-in/provider', async (c) => {
    const again = c.req.query('again') === 'yes';
    const next = localPath(c.req.query('next'), HOME);
    try {
      const { url, trip } = await provider.begin(returnUrl(c, web), again);
      remember(c, web, JSON.stringify({ ...trip, next }));
      return c.redirect(url, 303);
    } catch (error) {
      web.deps.log.warn({ error: describeError(error) }, 'the identity provider can not be reached');
      return refuse(c, web, next, 'The identity provider can not be reached at the moment.', 503);
    }
  });

  routes.get(RETURN_PATH, async (c) => {
    const trip = remembered(c, web);
    if (trip === null) return refuse(c, web, HOME, FAILED);
    const { search } = new URL(c.req.url);
    const vouched = await provider.finish(returnUrl(c, web), search, trip);
    const origin = originOf(c, web.deps.trustedProxies);
    if (!vouched.ok) {
      web.deps.log.warn({ reason: vouched.reason, address: origin.address }, 'sign-in by provider failed');
      return refuse(c, web, trip.next, FAILED);
    }
    const answer = await web.deps.authenticator.vouched(vouched.user, origin);
    if (!answer.ok) {
      const barred = barredFrom(origin.address, answer.reason);
      return refuse(c, web, trip.next, barred?.message ?? UNKNOWN);
    }
    await enter(c, web, answer);
    return goOn(c, web, trip.next);
  });
}

function refuse(
  c: HttpContext,
  web: Web,
  next: string,
  message: string,
  status: 403 | 503 = 403,
): Promise<Response> {
  return signInPage(c, web, { next, name: '', note: null, errors: [{ field: null, message }] }, status);
}

/**
 * The browser does not send a strict cookie along a redirect that began at another site; it does from a page of ours, which
 * therefore stands in between for a moment.
 */
function goOn(c: HttpContext, web: Web, next: string): Promise<Response> {
  c.header('refresh', `0;url=${next}`);
  const body = html`<div class="narrow">
    <h1>You are signed in</h1>
    <p><a class="button primary" href="${next}">Go on</a></p>
  </div>`;
  return openPage(c, web, { title: 'Signed in', body });
}

function ownUrl(c: HttpContext, { publicUrl }: Web): string {
  return publicUrl ?? new URL(c.req.url).origin;
}

function returnUrl(c: HttpContext, web: Web): string {
  return `${ownUrl(c, web)}${RETURN_PATH}`;
}

function cookieName(c: HttpContext, web: Web): string {
  return isSecure(c, web.publicUrl) ? '__Host-patgate-trip' : 'patgate-trip';
}

/** Lax, since it must come along when the provider sends the browser back. */
function remember(c: HttpContext, web: Web, text: string): void {
  setCookie(c, cookieName(c, web), Buffer.from(text).toString('base64url'), {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure: isSecure(c, web.publicUrl),
    maxAge: TEN_MINUTES_S,
  });
}

/** What this browser set out with; it can come back once. */
function remembered(c: HttpContext, web: Web): (ProviderTrip & { readonly next: string }) | null {
  const value = getCookie(c, cookieName(c, web));
  deleteCookie(c, cookieName(c, web), { path: '/', secure: isSecure(c, web.publicUrl) });
  if (value === undefined) return null;
  try {
    const trip: unknown = JSON.parse(Buffer.from(value, 'base64url').toString('utf8'));
    const next = trip !== null && typeof trip === 'object' && 'next' in trip ? trip.next : null;
    return {
      ...ProviderTrip.parse(trip),
      next: localPath(typeof next === 'string' ? next : undefined, HOME),
    };
  } catch {
    // Not a cookie of ours: as if there were none.
    return null;
  }
}
