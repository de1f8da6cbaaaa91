import type { Hono } from 'hono';
import type { UserView } from '../../../../accounts/views.ts';
import type { StateCounts } from '../../../../tokens/views.ts';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { attempt, type Refused } from '../../attempt.ts';
import { Form } from '../../form.ts';
import { link } from '../../link.ts';
import { errorSummary, forceBox, keyField, passwordAgain, type FieldError } from '../../ui/form.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { action, done, facts, heading } from '../../ui/parts.ts';
import { time } from '../../ui/time.ts';
import { confirmPassword, postedForm, type Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { VIEW_NAMES, VIEWS } from '../token-query.ts';
import { adminDoneText } from './done.ts';
import { actionGroup, whyNoChange } from './guard.ts';
import { profileFields, profileOf } from './user-form.ts';
import { kindTag, stateBadge } from './user-list.ts';

interface Data {
  readonly visit: Visit;
  readonly user: UserView;
  readonly tokens: StateCounts;
  readonly sessions: number;
  readonly whyNot: string | null;
  readonly whyNoToken: string | null;
  readonly done: string | null;
  readonly form: Form | null;
  readonly errors: readonly FieldError[];
  /** The change was refused for whom it would shut out: the visitor. */
  readonly locksOut: boolean;
}

const PATH = '/admin/users/:uid';

/** `/admin/users/{uid}`: who it is, what they may do and have, and what can be changed. */
export function userScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, (c) => show(c, web, null, null));

  routes.post(PATH, async (c) => {
    const form = await postedForm(c, web);
    const uid = c.req.param('uid');
    const saved = await attempt(async () => {
      await confirmPassword(c, web, form);
      const options = { force: form.has('force') };
      return web.deps.accounts.setUser(c.get('visit').caller, uid, profileOf(form), options);
    });
    if (!saved.ok) return show(c, web, form, saved);
    return c.redirect(`/admin/users/${uid}?done=saved`, 303);
  });
}

async function show(c: HttpContext, web: Web, form: Form | null, refused: Refused | null): Promise<Response> {
  const { accounts, tokens, oversight } = web.deps;
  const visit = c.get('visit');
  const { caller } = visit;
  const user = await accounts.getUser(caller, { uid: c.req.param('uid') ?? '' });
  const body = view({
    visit,
    user,
    tokens: await tokens.countByState(caller, { owner: user.uid }),
    sessions: await oversight.countSessions(caller, { uid: user.uid }),
    whyNot: await whyNoChange(web, visit, 'admin'),
    whyNoToken: await whyNoChange(web, visit, 'manage_all'),
    done: adminDoneText(new Form(new URL(c.req.url).searchParams)),
    form,
    errors: refused?.errors ?? [],
    locksOut: refused?.code === 'request.locks_out',
  });
  return page(c, web, { title: user.name, at: '/admin/users', body, status: refused?.status ?? 200 });
}

function view(data: Data): Html {
  const { user, whyNot, whyNoToken, errors } = data;
  return html`<p><a href="/admin/users">← Users</a></p>
    ${heading(user.name, {
      intro: html`${stateBadge(user.state)} ${kindTag(user.kind)} ${user.displayName ?? ''}`,
      actions: user.state === 'removed' ? NOTHING : actionGroup(actionsOf(user), whyNot),
    })}
    ${done(data.done)} ${errorSummary(errors)}
    <div class="grid">
      <div class="stack">
        ${factCard(data)}
        <section class="card">
          <h2>Tokens and sessions</h2>
          ${tokenFacts(data)}
          ${
            user.state === 'active'
              ? html`<p>
                  ${action({
                    href: link('/tokens/new', { owner: user.name }),
                    text: 'Create token for them',
                    disabledBecause: whyNoToken,
                  })}
                </p>`
              : NOTHING
          }
        </section>
      </div>
      ${user.state === 'removed' ? NOTHING : profileCard(data)}
    </div>`;
}

function actionsOf({ uid, state }: UserView): Parameters<typeof actionGroup>[0] {
  const at = (what: string) => `/admin/users/${uid}/${what}`;
  return [
    { href: at('password'), text: 'Set password…' },
    state === 'active' ? { href: at('disable'), text: 'Disable…' } : { href: at('enable'), text: 'Enable…' },
    { href: at('remove'), text: 'Remove…', kind: 'danger' },
  ];
}

function factCard({ user }: Data): Html {
  const privileges = user.privileges.map((one) => PRIVILEGE_NAMES[one]).join(', ');
  return html`<section class="card">
    <h2>What they may do</h2>
    ${facts([
      ['Privileges', privileges === '' ? 'none' : privileges],
      ['Groups', user.groups.length === 0 ? 'none' : user.groups.join(', ')],
      ['Password', user.hasPassword ? 'set' : 'none'],
      ['Created', time(user.createdAt)],
      ...(user.disabledAt === null ? [] : [['Disabled', time(user.disabledAt)] as const]),
      ...(user.removedAt === null ? [] : [['Removed', time(user.removedAt)] as const]),
      ...(user.applicationId === null
        ? []
        : [['Application id', html`<code>${user.applicationId}</code>`] as const]),
      ['Id', html`<code>${user.uid}</code>`],
    ])}
    <p>
      <a href="/admin/privileges">Groups and privileges</a> ·
      <a href="${link('/admin/audit', { target: user.uid })}">What was done to them</a> ·
      <a href="${link('/admin/audit', { actor: user.name })}">What they did</a>
    </p>
  </section>`;
}

const PRIVILEGE_NAMES = { can_use: 'can use', manage_all: 'manage all', admin: 'admin' } as const;

function tokenFacts({ user, tokens, sessions }: Data): Html {
  return facts([
    ...VIEW_NAMES.map((name) => {
      const count = VIEWS[name].states.reduce((sum, state) => sum + tokens[state], 0);
      const href = link('/admin/tokens', { owner: user.uid, view: name === 'active' ? null : name });
      return [`${VIEWS[name].name} tokens`, html`<a href="${href}">${count}</a>`] as const;
    }),
    ['Live sessions', html`<a href="${link('/admin/sessions', { uid: user.uid })}">${sessions}</a>`],
  ]);
}

function profileCard({ visit, user, whyNot, form, errors, locksOut }: Data): Html {
  return html`<section class="card">
    <h2>Profile</h2>
    ${
      whyNot === null
        ? html`<form class="stack" method="post" action="/admin/users/${user.uid}">
            ${keyField(visit)} ${profileFields(form, user, errors)} ${locksOut ? forceBox() : NOTHING}
            ${passwordAgain(visit, errors)}
            <div class="buttons"><button class="primary">Save</button></div>
          </form>`
        : facts([
            ['Display name', user.displayName ?? 'none'],
            ['E-mail', user.email ?? 'none'],
            ['Engine role', user.engineRole ?? 'none'],
            ['Default database', user.defaultDatabase ?? 'none'],
            ['Databases', user.databases === null ? 'any' : user.databases.join(', ')],
            ['Networks', user.networks === null ? 'any' : user.networks.join(', ')],
          ])
    }
  </section>`;
}
