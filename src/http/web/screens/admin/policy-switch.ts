import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { attempt } from '../../attempt.ts';
import type { FieldError } from '../../ui/form.ts';
import { html, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { question } from '../../ui/question.ts';
import { confirmPassword, postedForm } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { whyNoChange } from './guard.ts';
import { several } from './user-actions.ts';

const BACK = '/admin/policy';

const SWITCHES = {
  'tokens-off': { on: false, title: 'Switch tokens off?', button: 'Switch tokens off', kind: 'danger' },
  'tokens-on': { on: true, title: 'Switch tokens on?', button: 'Switch tokens on', kind: 'primary' },
} as const;

type SwitchName = keyof typeof SWITCHES;

/** `/admin/policy/tokens-off` and `tokens-on`: for everyone at once, after saying what happens. */
export function policySwitchScreens(routes: Hono<HttpEnv>, web: Web): void {
  for (const name of Object.keys(SWITCHES) as SwitchName[]) {
    const path = `${BACK}/${name}`;
    routes.get(path, (c) => ask(c, web, name, []));
    routes.post(path, async (c) => {
      const form = await postedForm(c, web);
      const switched = await attempt(async () => {
        await confirmPassword(c, web, form);
        return web.deps.policy.set(c.get('visit').caller, { tokensEnabled: SWITCHES[name].on });
      });
      if (!switched.ok) return ask(c, web, name, switched.errors, switched.status);
      return c.redirect(`${BACK}?done=${name}`, 303);
    });
  }
}

async function ask(
  c: HttpContext,
  web: Web,
  name: SwitchName,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const visit = c.get('visit');
  const { title, button, kind, on } = SWITCHES[name];
  const body = question(
    {
      title,
      body: on ? await whatBegins(web, c) : await whatEnds(web, c),
      post: `${BACK}/${name}`,
      button,
      kind,
      cancel: BACK,
      errors,
      whyNot: await whyNoChange(web, visit, 'admin'),
    },
    visit,
  );
  return page(c, web, { title, at: BACK, body, status });
}

async function whatEnds({ deps }: Web, c: HttpContext): Promise<Html> {
  const { caller } = c.get('visit');
  const { live } = await deps.tokens.countByState(caller, {});
  const sessions = await deps.oversight.countSessions(caller, { byToken: true });
  return html`<ul class="affected">
    <li>Nobody can log in with a token or create one: ${several(live, 'live token')} will stop working.</li>
    <li>
      ${sessions === 0 ? 'No live session was opened with a token.' : `${several(sessions, 'live session')} opened with a token will be closed at once.`}
    </li>
    <li>Passwords and single sign-on are not touched.</li>
    <li>Nothing is deleted: switched on again, tokens that have not expired work again.</li>
  </ul>`;
}

async function whatBegins({ deps }: Web, c: HttpContext): Promise<Html> {
  const { tokens_off: waiting } = await deps.tokens.countByState(c.get('visit').caller, {});
  return html`<p>Tokens that have not expired work again at once: ${several(waiting, 'token')}.</p>`;
}
