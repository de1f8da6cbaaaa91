import type { Secret } from '../../../core/secret.ts';
import type { TokenView } from '../../../tokens/views.ts';
import type { HttpContext } from '../../env.ts';
import { CA_FILE, pgpassLine, recipesFor } from '../recipes.ts';
import { targetOf } from '../target.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { page } from '../ui/layout.ts';
import { action } from '../ui/parts.ts';
import { copyable, recipeList } from '../ui/recipes.ts';
import { time } from '../ui/time.ts';
import type { Web } from '../web.ts';

export interface Revealed {
  readonly token: Secret;
  readonly info: TokenView;
  readonly title: string;
  /** What to know besides, such as how long the old one lives on. */
  readonly note?: Html;
}

/**
 * The answer to the form that made the token, and the only place where it is ever shown: it is stored nowhere, in no address,
 * and the same form sent again makes and shows nothing.
 */
export async function revealed(
  c: HttpContext,
  web: Web,
  { token, info, title, note }: Revealed,
): Promise<Response> {
  const user = await web.deps.accounts.getUser(c.get('visit').caller, { uid: info.uid });
  const text = token.reveal();
  const target = targetOf(c, web, user, { text, info });
  const body = html`<div class="medium" data-once>
    <h1 tabindex="-1" autofocus data-focus>${title}</h1>
    <p class="notice warn">
      Copy it now: it is shown this one time and can not be shown again. If it gets lost, make another one.
    </p>
    <section class="card">
      <h2>${info.label}</h2>
      ${copyable('token', text, 'the token')}
      <p class="hint">
        ${info.expiresAt === null ? 'Never expires.' : html`Expires ${time(info.expiresAt)} UTC.`} It is a
        password of the user name <code>${user.name}</code>${others(web.deps.tokenUsers)}. ${note ?? NOTHING}
      </p>
      <h3>Line for ~/.pgpass</h3>
      ${copyable('pgpass', pgpassLine(target), 'the line for .pgpass')}
    </section>
    <section class="card">
      <h2>Connect with it</h2>
      ${
        target.ca
          ? html`<p class="hint">
              Recipes that check the server need its CA certificate:
              <a href="/ca.crt" download>${CA_FILE}</a>.
            </p>`
          : NOTHING
      }
      ${recipeList(recipesFor(target))}
    </section>
    <p>${action({ href: '/tokens', text: 'Done', kind: 'primary' })}</p>
    <p class="unseen" aria-live="polite" data-said></p>
  </div>`;
  return page(c, web, { title, at: '/tokens', body });
}

/** The name under which anyone's token logs in. */
function others(tokenUsers: readonly string[]): Html {
  return html`${tokenUsers.slice(0, 1).map((name) => html`, and of <code>${name}</code>`)}`;
}
