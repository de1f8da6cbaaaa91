import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { UserView } from '../../../../accounts/views.ts';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { attempt } from '../../attempt.ts';
import type { Form } from '../../form.ts';
import type { FieldError } from '../../ui/form.ts';
import { html, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { question } from '../../ui/question.ts';
import { confirmPassword, postedForm } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { VIEWS } from '../token-query.ts';
import type { AdminDone } from './done.ts';
import { whyNoChange } from './guard.ts';
import { newPasswordField, renamed } from './new-password.ts';

interface Effects {
  /** Tokens that are neither expired nor revoked. */
  readonly tokens: number;
  readonly sessions: number;
}

interface Action {
  readonly title: (name: string) => string;
  readonly says: (effects: Effects) => Html;
  readonly button: string;
  readonly kind: 'primary' | 'danger';
  readonly done: AdminDone;
  readonly fields?: (errors: readonly FieldError[]) => Html;
  readonly run: (c: HttpContext, web: Web, uid: string, form: Form) => Promise<unknown>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  disable: {
    title: (name) => `Disable ${name}?`,
    says: (effects) =>
      html`<p>${closing(effects)}</p>
        <p>Nothing is deleted: when the user is enabled again, tokens that have not expired work again.</p>`,
    button: 'Disable user',
    kind: 'danger',
    done: 'disabled',
    run: (c, web, uid) => web.deps.accounts.disableUser(c.get('visit').caller, uid),
  },
  enable: {
    title: (name) => `Enable ${name}?`,
    says: ({ tokens }) => html`<p>They can log in again, and ${several(tokens, 'token')} may work again.</p>`,
    button: 'Enable user',
    kind: 'primary',
    done: 'enabled',
    run: (c, web, uid) => web.deps.accounts.enableUser(c.get('visit').caller, uid),
  },
  remove: {
    title: (name) => `Remove ${name}?`,
    says: (effects) =>
      html`<p>${closing(effects)}</p>
        <p>
          Their privileges and memberships end. The row and the tokens stay visible to administrators; the
          name can be used again. This can not be undone.
        </p>`,
    button: 'Remove user',
    kind: 'danger',
    done: 'removed',
    run: (c, web, uid) => web.deps.accounts.removeUser(c.get('visit').caller, uid),
  },
  password: {
    title: (name) => `Set the password of ${name}?`,
    says: () =>
      html`<p>
        The old one stops working at once, and signs out of this page whoever used it. Tokens are not touched.
      </p>`,
    button: 'Set password',
    kind: 'primary',
    done: 'password',
    fields: (errors) => newPasswordField({ required: true, hint: 'At least 8 characters.', errors }),
    run: (c, web, uid, form) =>
      renamed(() => web.deps.accounts.setPassword(c.get('visit').caller, uid, form.secret('newPassword'))),
  },
};

/** `/admin/users/{uid}/disable`, `enable`, `remove`, `password`: each asks first and says what ends with it. */
export function userActionScreens(routes: Hono<HttpEnv>, web: Web): void {
  for (const [name, what] of Object.entries(ACTIONS)) {
    const path = `/admin/users/:uid/${name}`;
    routes.get(path, (c) => ask(c, web, what, name, []));
    routes.post(path, async (c) => {
      const form = await postedForm(c, web);
      const uid = c.req.param('uid') ?? '';
      const made = await attempt(async () => {
        await confirmPassword(c, web, form);
        return what.run(c, web, uid, form);
      });
      if (!made.ok) return ask(c, web, what, name, made.errors, made.status);
      return c.redirect(`/admin/users/${uid}?done=${what.done}`, 303);
    });
  }
}

async function ask(
  c: HttpContext,
  web: Web,
  what: Action,
  name: string,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const visit = c.get('visit');
  const user = await web.deps.accounts.getUser(visit.caller, { uid: c.req.param('uid') ?? '' });
  const title = what.title(user.name);
  const here = `/admin/users/${user.uid}`;
  const body = question(
    {
      title,
      body: what.says(await effectsOn(web, c, user)),
      post: `${here}/${name}`,
      button: what.button,
      kind: what.kind,
      cancel: here,
      ...(what.fields === undefined ? {} : { fields: what.fields(errors) }),
      errors,
      whyNot: await whyNoChange(web, visit, 'admin'),
    },
    visit,
  );
  return page(c, web, { title, at: '/admin/users', body, status });
}

async function effectsOn({ deps }: Web, c: HttpContext, { uid }: UserView): Promise<Effects> {
  const { caller } = c.get('visit');
  const byState = await deps.tokens.countByState(caller, { owner: uid });
  return {
    tokens: VIEWS.active.states.reduce((sum, state) => sum + byState[state], 0),
    sessions: await deps.oversight.countSessions(caller, { uid }),
  };
}

function closing({ tokens, sessions }: Effects): string {
  const live =
    sessions === 0
      ? 'They have no live session now'
      : `${several(sessions, 'live session')} will be closed at once`;
  return `They can not log in any more, by password or by token: ${several(tokens, 'token')} will stop working. ${live}.`;
}

export function several(count: number, what: string): string {
  return `${count === 0 ? 'no' : count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
