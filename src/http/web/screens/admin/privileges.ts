import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { PRIVILEGES, type Privilege } from '../../../../accounts/actor.ts';
import type { Grantee, GrantView, GroupView } from '../../../../accounts/views.ts';
import { RequestError } from '../../../../core/errors.ts';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { attempt } from '../../attempt.ts';
import { Form } from '../../form.ts';
import { link } from '../../link.ts';
import { errorSummary, field, keyField, passwordAgain, select, type FieldError } from '../../ui/form.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { question } from '../../ui/question.ts';
import { action, done, heading } from '../../ui/parts.ts';
import { confirmPassword, postedForm, type Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { adminDoneText } from './done.ts';
import { groupsPart } from './group-list.ts';
import { whyNoChange } from './guard.ts';

interface Data {
  readonly visit: Visit;
  readonly grants: readonly GrantView[];
  readonly groups: readonly GroupView[];
  readonly whyNot: string | null;
  readonly done: string | null;
  readonly form: Form | null;
  readonly errors: readonly FieldError[];
}

export const PRIVILEGES_PATH = '/admin/privileges';
const TAKE_PATH = `${PRIVILEGES_PATH}/take`;

const TEXTS = {
  can_use: ['Can use', 'Create tokens for oneself, and log in with them.'],
  manage_all: [
    'Manage all',
    'See and revoke everyone’s tokens, create them for others, end sessions, read the audit.',
  ],
  admin: ['Admin', 'All of that, and users, groups, privileges and the policy.'],
} as const satisfies Record<Privilege, readonly [string, string]>;

/** `/admin/privileges`: who may do what, and groups of users. */
export function privilegesScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PRIVILEGES_PATH, (c) => showPrivileges(c, web, null, []));

  routes.get(TAKE_PATH, (c) => askToTake(c, web, new Form(new URL(c.req.url).searchParams), []));

  routes.post(TAKE_PATH, async (c) => {
    const form = await postedForm(c, web);
    const taken = await attempt(async () => {
      await confirmPassword(c, web, form);
      await web.deps.accounts.ungrant(c.get('visit').caller, privilegeOf(form), granteeOf(form));
    });
    if (!taken.ok) return askToTake(c, web, form, taken.errors, taken.status);
    return c.redirect(`${PRIVILEGES_PATH}?done=ungranted`, 303);
  });

  routes.post(PRIVILEGES_PATH, async (c) => {
    const form = await postedForm(c, web);
    const { accounts } = web.deps;
    const changed = await attempt(async () => {
      await confirmPassword(c, web, form);
      const [privilege, grantee] = [privilegeOf(form), granteeOf(form)];
      await atField('name', () => accounts.grant(c.get('visit').caller, privilege, grantee));
    });
    if (!changed.ok) return showPrivileges(c, web, form, changed.errors, changed.status);
    return c.redirect(`${PRIVILEGES_PATH}?done=granted`, 303);
  });
}

async function askToTake(
  c: HttpContext,
  web: Web,
  form: Form,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const visit = c.get('visit');
  const [privilege, grantee] = [privilegeOf(form), granteeOf(form)];
  const name = grantee.kind === 'everyone' ? 'everyone' : grantee.name;
  const title = `Take “${TEXTS[privilege][0]}” from ${name}?`;
  const body = question(
    {
      title,
      body: html`<p>
        They may hold it by another grant or group as well. Who loses “can use” keeps the tokens, but they are
        suspended and their sessions closed. Nothing is deleted.
      </p>`,
      post: TAKE_PATH,
      button: 'Take away',
      kind: 'danger',
      cancel: PRIVILEGES_PATH,
      hidden: { privilege, kind: grantee.kind, ...(grantee.kind === 'everyone' ? {} : { name }) },
      errors,
      whyNot: await whyNoChange(web, visit, 'admin'),
    },
    visit,
  );
  return page(c, web, { title, at: PRIVILEGES_PATH, body, status });
}

export async function showPrivileges(
  c: HttpContext,
  web: Web,
  form: Form | null,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const visit = c.get('visit');
  const { accounts } = web.deps;
  const body = view({
    visit,
    grants: await accounts.listGrants(visit.caller),
    groups: await accounts.listGroups(visit.caller),
    whyNot: await whyNoChange(web, visit, 'admin'),
    done: adminDoneText(new Form(new URL(c.req.url).searchParams)),
    form,
    errors,
  });
  return page(c, web, { title: 'Groups and privileges', at: PRIVILEGES_PATH, body, status });
}

/** What a form names and a service does not take is wrong with that field, not with the page. */
export async function atField<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RequestError) || error.code === 'request.forbidden') throw error;
    const code = error.code === 'request.not_found' ? 'request.invalid' : error.code;
    throw new RequestError(code, error.message, { cause: error, field });
  }
}

function privilegeOf(form: Form): Privilege {
  const found = PRIVILEGES.find((one) => one === form.text('privilege'));
  if (found !== undefined) return found;
  throw new RequestError('request.invalid', 'There is no such privilege.', { field: 'privilege' });
}

function granteeOf(form: Form): Grantee {
  const kind = form.text('kind');
  if (kind === 'everyone') return { kind };
  const name = form.text('name');
  if (name !== '') return { kind: kind === 'group' ? 'group' : 'user', name };
  throw new RequestError('request.invalid', 'Enter the name of a user or a group.', { field: 'name' });
}

function view(data: Data): Html {
  const { visit, groups, whyNot, form, errors } = data;
  return html`${heading('Groups and privileges', {
      intro: 'Each privilege includes the weaker ones. It is held by users, or by all members of a group.',
    })}
    ${done(data.done)} ${errorSummary(errors)}
    ${whyNot === null ? NOTHING : html`<p class="notice info">${whyNot}</p>`}
    <div class="grid">${PRIVILEGES.map((privilege) => privilegeCard(privilege, data))}</div>
    ${whyNot === null ? grantForm(visit, form?.has('privilege') === true ? form : null, errors) : NOTHING}
    ${groupsPart(visit, groups, whyNot, form?.has('group') === true ? form : null, errors)}`;
}

function privilegeCard(privilege: Privilege, { grants, whyNot }: Data): Html {
  const [name, text] = TEXTS[privilege];
  const holders = grants.filter((grant) => grant.privilege === privilege);
  return html`<section class="card">
    <h2>${name}</h2>
    <p class="hint">${text}</p>
    ${
      holders.length === 0
        ? html`<p class="dim">Nobody holds it directly.</p>`
        : html`<ul class="lines">
            ${holders.map((grant) => holderLine(grant, whyNot))}
          </ul>`
    }
  </section>`;
}

function holderLine({ privilege, grantee, granteeId, granteeKind }: GrantView, whyNot: string | null): Html {
  const name = grantee.kind === 'everyone' ? 'Everyone' : grantee.name;
  const kind = grantee.kind === 'group' ? 'group' : granteeKind === 'service' ? 'service principal' : null;
  const shown =
    grantee.kind === 'user'
      ? html`<a href="/admin/users/${granteeId}">${name}</a>`
      : grantee.kind === 'group'
        ? html`<a href="/admin/groups/${granteeId}">${name}</a>`
        : html`<strong>${name}</strong>`;
  return html`<li>
    <span>${shown} ${kind === null ? NOTHING : html`<span class="tag">${kind}</span>`}</span>
    ${
      whyNot === null
        ? action({
            href: link(TAKE_PATH, {
              privilege,
              kind: grantee.kind,
              name: grantee.kind === 'everyone' ? null : name,
            }),
            text: 'Take away',
            kind: 'quiet',
            label: `Take away “${TEXTS[privilege][0]}” from ${name}`,
            dialog: true,
          })
        : NOTHING
    }
  </li>`;
}

function grantForm(visit: Visit, form: Form | null, errors: readonly FieldError[]): Html {
  return html`<section class="card">
    <h2>Give a privilege</h2>
    <form class="stack" method="post" action="${PRIVILEGES_PATH}">
      ${keyField(visit)}
      <div class="filters">
        ${select({
          name: 'privilege',
          label: 'Privilege',
          value: form?.text('privilege') ?? 'can_use',
          choices: PRIVILEGES.map((value) => ({ value, text: TEXTS[value][0] })),
        })}
        ${select({
          name: 'kind',
          label: 'To',
          value: form?.text('kind') ?? 'user',
          choices: [
            { value: 'user', text: 'a user' },
            { value: 'group', text: 'a group' },
            { value: 'everyone', text: 'everyone (“can use” only)' },
          ],
        })}
        ${field({ name: 'name', label: 'Name', value: form?.text('name') ?? '', bare: true, errors: form === null ? [] : errors })}
      </div>
      ${passwordAgain(visit, errors)}
      <div class="buttons"><button class="primary">Give privilege</button></div>
    </form>
  </section>`;
}
