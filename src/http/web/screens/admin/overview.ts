import type { Hono } from 'hono';
import type { LoginCount } from '../../../../store/audit.ts';
import type { StateCounts } from '../../../../tokens/views.ts';
import type { HttpEnv } from '../../../env.ts';
import { link } from '../../link.ts';
import { badge } from '../../ui/badge.ts';
import { html, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { heading } from '../../ui/parts.ts';
import type { Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { HOURS, loginsCard } from './overview-logins.ts';
import { tokensCard } from './overview-tokens.ts';
import { QUICK, QUICK_NAMES, type QuickName } from './token-report-query.ts';

interface Data {
  readonly logins: readonly LoginCount[];
  readonly tokens: StateCounts;
  readonly byQuick: readonly (readonly [QuickName, number])[];
  readonly sessions: number;
  readonly byToken: number;
  readonly tokensEnabled: boolean;
  readonly now: Date;
}

const PATH = '/admin';

/** `/admin`: how many log in and how, who is connected, and which tokens want attention. */
export function overviewScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, async (c) => {
    const data = await load(web, c.get('visit'));
    return page(c, web, { title: 'Overview', at: PATH, body: view(data) });
  });
}

async function load({ deps }: Web, { caller }: Visit): Promise<Data> {
  const { oversight, tokens, policy, clock } = deps;
  const now = clock.now();
  const [logins, states, byQuick, sessions, byToken, { tokensEnabled }] = await Promise.all([
    oversight.loginsPerHour(caller, HOURS, now),
    tokens.countByState(caller, {}),
    Promise.all(QUICK_NAMES.map(async (quick) => [quick, await tokens.count(caller, { quick })] as const)),
    oversight.countSessions(caller),
    oversight.countSessions(caller, { byToken: true }),
    policy.get(),
  ]);
  return { logins, tokens: states, byQuick, sessions, byToken, tokensEnabled, now };
}

function view(data: Data): Html {
  const refused = data.logins
    .filter(({ outcome }) => outcome !== 'ok')
    .reduce((sum, { count }) => sum + count, 0);
  const all = data.logins.reduce((sum, { count }) => sum + count, 0);
  const total = Object.values(data.tokens).reduce((sum, count) => sum + count, 0);
  return html`${heading('Overview')}
    <div class="stats">
      ${stat('Live sessions', data.sessions, '/admin/sessions', `${data.byToken.toLocaleString('en')} by token`)}
      ${stat('Logins in 24 hours', all - refused, link('/admin/audit', { action: 'login', outcome: 'ok' }), `${share(all - refused, all)} of all attempts`)}
      ${stat('Refused in 24 hours', refused, link('/admin/audit', { action: 'login', outcome: 'refused' }), `${share(refused, all)} of all attempts`)}
      ${stat('Live tokens', data.tokens.live, '/admin/tokens', data.tokensEnabled ? `of ${total.toLocaleString('en')} in all` : badge('bad', 'switched off'))}
    </div>
    ${loginsCard(data.logins, data.now)}
    <div class="grid">${tokensCard(data.tokens)} ${attentionCard(data)}</div>`;
}

function share(part: number, all: number): string {
  return all === 0 ? '0 %' : `${Math.round((100 * part) / all)} %`;
}

function stat(name: string, count: number, href: string, note: string | Html): Html {
  return html`<a class="card stat" href="${href}">
    <span class="dim">${name}</span>
    <strong>${count.toLocaleString('en')}</strong>
    <span class="dim">${note}</span>
  </a>`;
}

function attentionCard({ byQuick }: Data): Html {
  return html`<section class="card">
    <h2>Worth a look</h2>
    <ul class="lines">
      ${byQuick.map(
        ([quick, count]) =>
          html`<li>
            <a href="${link('/admin/tokens', { quick })}">${QUICK[quick]}</a>
            <span class="${count === 0 ? 'dim' : ''}"
              >${count.toLocaleString('en')} ${count === 1 ? 'token' : 'tokens'}</span
            >
          </li>`,
      )}
    </ul>
  </section>`;
}
