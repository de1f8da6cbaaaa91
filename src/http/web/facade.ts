import { Hono } from 'hono';
import { isBarred } from '../auth/barred.ts';
import type { Callers } from '../auth/callers.ts';
import type { SignIn } from '../auth/sign-in.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpEnv } from '../env.ts';
import type { ErrorAnswer, Facade } from '../facade.ts';
import type { Failure } from '../failure.ts';
import { loadAssets } from './assets.ts';
import { PAGE_HEADERS, pageHeaders } from './headers.ts';
import { adminScreens } from './screens/admin/index.ts';
import { caDownload } from './screens/ca.ts';
import { connectScreen } from './screens/connect.ts';
import { endSessionsScreen } from './screens/end-sessions.ts';
import { myTokensScreen } from './screens/my-tokens.ts';
import { newTokenScreen } from './screens/new-token.ts';
import { providerSignIn } from './screens/provider-sign-in.ts';
import { revokeScreens } from './screens/revoke.ts';
import { rotateScreen } from './screens/rotate.ts';
import { signInScreens } from './screens/sign-in.ts';
import { tokenDetailsScreen } from './screens/token-details.ts';
import { html } from './ui/html.ts';
import { frame } from './ui/layout.ts';
import type { Web } from './web.ts';

const PREFIXES = [
  '/',
  '/admin',
  '/assets',
  '/ca.crt',
  '/connect',
  '/sessions',
  '/sign-in',
  '/sign-out',
  '/tokens',
  '/tokens.csv',
];

/** The page for people and administrators: HTML that works without a script. */
export function web(deps: HttpDeps, callers: Callers, signIn: SignIn): Facade {
  const assets = loadAssets();
  const shared: Web = { deps, callers, signIn, assets, publicUrl: deps.publicUrl };
  const routes = new Hono<HttpEnv>();
  for (const prefix of PREFIXES) {
    routes.use(prefix, pageHeaders());
    if (prefix !== '/') routes.use(`${prefix}/*`, pageHeaders());
  }
  routes.get('/', (c) => c.redirect('/tokens', 303));
  routes.route('/', assets.routes);
  caDownload(routes, shared);
  signInScreens(routes, shared);
  if (deps.provider !== null) providerSignIn(routes, shared, deps.provider);
  myTokensScreen(routes, shared);
  newTokenScreen(routes, shared);
  revokeScreens(routes, shared);
  rotateScreen(routes, shared);
  tokenDetailsScreen(routes, shared);
  endSessionsScreen(routes, shared);
  connectScreen(routes, shared);
  adminScreens(routes, shared);
  return {
    name: 'page',
    prefixes: PREFIXES,
    // Its credential is a cookie, which the pages look at themselves.
    openPaths: 'all',
    routes,
    renderError: (failure, requestId) => renderError(shared, failure, requestId),
  };
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'That did not work',
  401: 'You are signed out',
  403: 'You may not do that',
  404: 'There is nothing here',
  409: 'That did not work',
  413: 'That was too much',
  429: 'Too many attempts',
  503: 'Not available at the moment',
};

/** For browsers, which show nobody a status. */
function renderError(shared: Web, { status, code, message }: Failure, requestId: string): ErrorAnswer {
  const title = isBarred(code) ? 'Not from here' : (TITLES[status] ?? 'Something went wrong');
  const signsIn = status === 401 || isBarred(code);
  const body = html`<div class="narrow">
    <h1>${title}</h1>
    <p>${message}</p>
    <p class="dim">Request <code>${requestId}</code></p>
    <p>
      <a class="button primary" href="${signsIn ? '/sign-in' : '/'}"
        >${signsIn ? 'Sign in' : 'Go to my tokens'}</a
      >
    </p>
  </div>`;
  const text = frame(shared, { title, body, visit: null });
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', ...PAGE_HEADERS },
    body: String(text),
  };
}
