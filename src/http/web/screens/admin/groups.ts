import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { GroupView } from '../../../../accounts/views.ts';
import { RequestError } from '../../../../core/errors.ts';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { attempt } from '../../attempt.ts';
import { Form } from '../../form.ts';
import { link } from '../../link.ts';
import { errorSummary, field, keyField, passwordAgain, type FieldError } from '../../ui/form.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { action, done, empty, heading } from '../../ui/parts.ts';
import { confirmPassword, postedForm, type Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { adminDoneText } from './done.ts';
import { actionGroup, whyNoChange } from './guard.ts';
import { atField, PRIVILEGES_PATH, showPrivileges } from './privileges.ts';

const PATH = '/admin/groups/:gid';

/** `/admin/groups/{gid}`: who is in it; who may, changes that. Adding one is part of the page of privileges. */
export function groupScreens(routes: Hono<HttpEnv>, web: Web): void {
  const { accounts } = web.deps;

  routes.post('/admin/groups', async (c) => {
    const form = await postedForm(c, web);
    const added = await attempt(async () => {
      await confirmPassword(c, web, form);
      return atField('groupName', () => accounts.addGroup(c.get('visit').caller, form.text('groupName')));
    });
    if (!added.ok) return showPrivileges(c, web, form, added.errors, added.status);
    return c.redirect(`/admin/groups/${added.value.gid}?done=group-added`, 303);
  });

  routes.get(PATH, (c) => show(c, web, null, []));

  routes.post(PATH, async (c) => {
    const form = await postedForm(c, web);
    const { gid, name } = await groupOf(c, web);
    const added = await attempt(async () => {
      await confirmPassword(c, web, form);
      await atField('name', () => accounts.addMember(c.get('visit').caller, name, form.text('name')));
    });
    if (!added.ok) return show(c, web, form, added.errors, added.status);
    return c.redirect(`/admin/groups/${gid}?done=member-added`, 303);
  });
}

/** @throws RequestError request.not_found */
export async function groupOf(c: HttpContext, { deps }: Web): Promise<GroupView> {
  const gid = c.req.param('gid');
  const group = (await deps.accounts.listGroups(c.get('visit').caller)).find((one) => one.gid === gid);
  if (group !== undefined) return group;
  throw new RequestError('request.not_found', 'There is no such group.');
}

async function show(
  c: HttpContext,
  web: Web,
  form: Form | null,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const visit = c.get('visit');
  const group = await groupOf(c, web);
  const body = html`<p><a href="${PRIVILEGES_PATH}">← Groups and privileges</a></p>
    ${view(group, {
      visit,
      whyNot: await whyNoChange(web, visit, 'admin'),
      done: adminDoneText(new Form(new URL(c.req.url).searchParams)),
      form,
      errors,
    })}`;
  return page(c, web, { title: group.name, at: PRIVILEGES_PATH, body, status });
}

interface Data {
  readonly visit: Visit;
  readonly whyNot: string | null;
  readonly done: string | null;
  readonly form: Form | null;
  readonly errors: readonly FieldError[];
}

function view({ gid, name, members }: GroupView, data: Data): Html {
  const { visit, whyNot, form, errors } = data;
  const here = `/admin/groups/${gid}`;
  return html`${heading(name, {
    intro: `Group with ${members.length === 1 ? 'one member' : `${members.length} members`}.`,
    actions: actionGroup([{ href: `${here}/remove`, text: 'Remove group…', kind: 'danger' }], whyNot),
  })}
  ${done(data.done)} ${errorSummary(errors)}
  ${
    members.length === 0
      ? empty('Nobody is in this group.')
      : html`<ul class="card lines">
          ${members.map((member) => memberLine(here, member, whyNot))}
        </ul>`
  }
  ${
    whyNot === null
      ? html`<section class="card">
          <form class="stack" method="post" action="${here}">
            ${keyField(visit)}
            ${field({ name: 'name', label: 'Add a user, by name', value: form?.text('name') ?? '', bare: true, errors })}
            ${passwordAgain(visit, errors)}
            <div class="buttons"><button class="primary">Add member</button></div>
          </form>
        </section>`
      : NOTHING
  }`;
}

function memberLine(here: string, member: string, whyNot: string | null): Html {
  return html`<li>
    <a href="${link('/admin/users', { q: member })}">${member}</a>
    ${
      whyNot === null
        ? action({
            href: link(`${here}/take-out`, { name: member }),
            text: 'Take out',
            kind: 'quiet',
            label: `Take out ${member}`,
            dialog: true,
          })
        : NOTHING
    }
  </li>`;
}
