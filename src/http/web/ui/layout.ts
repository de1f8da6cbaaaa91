import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { HttpContext } from '../../env.ts';
import type { Visit } from '../visit.ts';
import type { Web } from '../web.ts';
import { html, NOTHING, type Html } from './html.ts';
import { keyField } from './form.ts';

export interface PageOptions {
  /** Of the window; the heading is part of the body. */
  readonly title: string;
  /** The entry of the menu that is marked as the current one. */
  readonly at?: MenuPath;
  readonly body: Html;
  readonly status?: ContentfulStatusCode;
}

interface MenuEntry {
  readonly path: string;
  readonly name: string;
}

const MENU = [
  { path: '/tokens', name: 'My tokens' },
  { path: '/connect', name: 'Connect' },
] as const satisfies readonly MenuEntry[];

const ADMIN_MENU = [
  { path: '/admin', name: 'Overview' },
  { path: '/admin/tokens', name: 'All tokens' },
  { path: '/admin/users', name: 'Users' },
  { path: '/admin/privileges', name: 'Privileges' },
  { path: '/admin/policy', name: 'Policy' },
  { path: '/admin/sessions', name: 'Sessions' },
  { path: '/admin/audit', name: 'Audit' },
] as const satisfies readonly MenuEntry[];

export type MenuPath = (typeof MENU | typeof ADMIN_MENU)[number]['path'];

/** The answer to a request of a visitor: a whole page around `body`. */
export function page(c: HttpContext, web: Web, options: PageOptions): Promise<Response> {
  const visit = c.get('visit');
  return Promise.resolve(c.html(frame(web, { ...options, visit }), options.status ?? 200));
}

/** For pages that nobody has signed in for. */
export function openPage(c: HttpContext, web: Web, options: PageOptions): Promise<Response> {
  return Promise.resolve(c.html(frame(web, { ...options, visit: null }), options.status ?? 200));
}

export function frame(
  { assets, deps }: Pick<Web, 'assets' | 'deps'>,
  { title, at, body, visit }: PageOptions & { readonly visit: Visit | null },
): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title} · patgate</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="${assets.icon}" type="image/svg+xml" />
        <link rel="stylesheet" href="${assets.style}" />
        <script src="${assets.script}" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <a class="brand" href="/"><img src="${assets.icon}" alt="" width="24" height="24" />patgate</a>
          ${visit === null ? NOTHING : menu(visit, at)}
        </header>
        <main id="main" tabindex="-1">${visit?.byToken === true ? BY_TOKEN_NOTICE : NOTHING} ${body}</main>
        <footer>patgate ${deps.product.version} <span>All times are UTC.</span></footer>
      </body>
    </html>`;
}

const BY_TOKEN_NOTICE = html`<p class="notice info">
  You signed in with a token: you can look, but not create, rotate or revoke several tokens. For that, sign
  out and sign in with your password.
</p>`;

function menu(visit: Visit, at: string | undefined): Html {
  const admin = visit.caller.privileges.has('manage_all');
  return html`<nav aria-label="Main">
      ${MENU.map((entry) => menuLink(entry, at))}
      ${
        admin
          ? html`<span class="group">Administration</span> ${ADMIN_MENU.map((entry) => menuLink(entry, at))}`
          : NOTHING
      }
    </nav>
    <form class="who" method="post" action="/sign-out">
      ${keyField(visit)}
      <span title="Signed in">${visit.caller.name}</span>
      <button class="quiet">Sign out</button>
    </form>`;
}

function menuLink({ path, name }: MenuEntry, at: string | undefined): Html {
  return html`<a href="${path}" ${path === at ? html`aria-current="page"` : NOTHING}>${name}</a>`;
}
