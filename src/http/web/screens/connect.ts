import type { Hono } from 'hono';
import type { HttpEnv } from '../../env.ts';
import { CA_FILE, recipesFor, TOKEN_HERE, type Target } from '../recipes.ts';
import { targetOf } from '../target.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { page } from '../ui/layout.ts';
import { action, facts, heading } from '../ui/parts.ts';
import { recipeList } from '../ui/recipes.ts';
import { signedIn } from '../visit.ts';
import type { Web } from '../web.ts';

const PATH = '/connect';

/** `/connect`: where the gateway is, its CA certificate, and what to enter into each tool. */
export function connectScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, signedIn(web), async (c) => {
    const { caller } = c.get('visit');
    const user = await web.deps.accounts.getUser(caller, { uid: caller.uid });
    const target = targetOf(c, web, user);
    return page(c, web, { title: 'Connect', at: PATH, body: view(target, web.deps.tokenUsers) });
  });
}

function view(target: Target, tokenUsers: readonly string[]): Html {
  return html`${heading('Connect', {
      intro:
        'Tools connect to the gateway as if it were PostgreSQL, with your name and a token as the password.',
      actions: action({ href: '/tokens/new', text: 'Generate token', kind: 'primary' }),
    })}
    <div class="grid">
      <section class="card">
        <h2>The gateway</h2>
        ${facts([
          ['Host', html`<code>${target.host}</code>`],
          ['Port', html`<code>${target.port}</code>`],
          ['Database', html`<code>${target.database}</code>`],
          ['User name', userNames(target, tokenUsers)],
          ['Password', 'a token, or your own password'],
          ['Encryption', target.tls ? (target.ca ? 'TLS; check the server (verify-full)' : 'TLS') : 'none'],
        ])}
        ${certificate(target)}
      </section>
      <section class="card">
        <h2>Tools</h2>
        <p class="hint">Where these say <code>${TOKEN_HERE}</code>, enter a token.</p>
        ${recipeList(recipesFor(target))}
      </section>
    </div>`;
}

function userNames({ user }: Target, tokenUsers: readonly string[]): Html {
  const others = tokenUsers.map((name, index) => html`${index === 0 ? '' : ' or '}<code>${name}</code>`);
  return html`<code>${user}</code>, with a token or your password;
    ${tokenUsers.length === 0 ? NOTHING : html`${others} with a token`}`;
}

function certificate({ ca, tls }: Target): Html {
  if (ca) {
    return html`<p>${action({ href: '/ca.crt', text: 'Download CA certificate' })}</p>
      <p class="hint">
        With <code>${CA_FILE}</code>, tools can tell the gateway from somebody who pretends to be it.
      </p>`;
  }
  if (!tls) return html`<p class="notice warn">This gateway speaks no TLS. Ask an administrator.</p>`;
  return html`<p class="hint">
    The operator has named no CA certificate: the server’s own is from an authority that your system knows, or
    ask an administrator for it.
  </p>`;
}
