import type { MiddlewareHandler } from 'hono';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { action } from '../../ui/parts.ts';
import { signedIn, type Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';

const NAMED = 3;

/** Lets those pass who may look at everyone's; others get a page that says so. */
export function administration(web: Web): MiddlewareHandler<HttpEnv> {
  const enter = signedIn(web);
  return async (c, next) => {
    let refusal: Response | undefined;
    const answer = await enter(c, async () => {
      if (c.get('visit').caller.privileges.has('manage_all')) await next();
      else refusal = await refused(c, web);
    });
    return refusal ?? answer ?? undefined;
  };
}

function refused(c: HttpContext, web: Web): Promise<Response> {
  const body = html`<div class="narrow">
    <h1>You may not do that</h1>
    <p>
      Administration needs the privilege “manage all” or “admin”, which you do not have. Ask an administrator
      for it.
    </p>
    <p>${action({ href: '/tokens', text: 'Go to my tokens', kind: 'primary' })}</p>
  </div>`;
  return page(c, web, { title: 'You may not do that', body, status: 403 });
}

/**
 * Why this visitor can not change what needs that privilege, and whom to ask; null: nothing stands in the way. The services
 * decide; this is only told beforehand.
 */
export async function whyNoChange(
  { deps }: Web,
  { caller, byToken }: Visit,
  needed: 'manage_all' | 'admin',
): Promise<string | null> {
  if (byToken) {
    return 'You signed in with a token, which may look but change nothing here. Sign in with your password.';
  }
  if (caller.privileges.has(needed)) return null;
  const admins = (await deps.accounts.listGrants(caller, 'admin')).flatMap(({ grantee }) => {
    if (grantee.kind === 'everyone') return [];
    return grantee.kind === 'user' ? [grantee.name] : [`someone in the group ${grantee.name}`];
  });
  const whom =
    admins.length === 0
      ? 'There is none at the moment; the operator can make one on the command line.'
      : `Ask ${admins.slice(0, NAMED).join(' or ')}.`;
  return `Only administrators (privilege “admin”) can change this. ${whom}`;
}

/** Several actions that can not be used for one reason, which is told once. */
export function actionGroup(
  actions: readonly {
    readonly href: string;
    readonly text: string;
    readonly kind?: 'primary' | 'danger' | 'plain';
  }[],
  because: string | null,
  id = 'why-not',
): Html {
  if (actions.length === 0) return NOTHING;
  if (because === null) {
    return html`${actions.map((one) => action({ ...one, dialog: one.text.endsWith('…') }))}`;
  }
  return html`<span class="grey">
    <span class="buttons">
      ${actions.map(
        ({ text, kind = 'plain' }) =>
          html`<button type="button" class="${kind}" aria-disabled="true" aria-describedby="${id}">
            ${text}
          </button>`,
      )}
    </span>
    <span class="why" id="${id}">${because}</span>
  </span>`;
}
