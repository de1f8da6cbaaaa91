import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { attempt } from '../../attempt.ts';
import { Form } from '../../form.ts';
import type { FieldError } from '../../ui/form.ts';
import { html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { question } from '../../ui/question.ts';
import { confirmPassword, postedForm } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { groupOf } from './groups.ts';
import { whyNoChange } from './guard.ts';
import { PRIVILEGES_PATH } from './privileges.ts';

const REMOVE = '/admin/groups/:gid/remove';
const TAKE_OUT = '/admin/groups/:gid/take-out';

/** Removing a group, or taking a member out; each asks first. */
export function groupRemovalScreens(routes: Hono<HttpEnv>, web: Web): void {
  const { accounts } = web.deps;

  routes.get(REMOVE, (c) => askToRemove(c, web, []));
  routes.post(REMOVE, async (c) => {
    const form = await postedForm(c, web);
    const { name } = await groupOf(c, web);
    const removed = await attempt(async () => {
      await confirmPassword(c, web, form);
      await accounts.removeGroup(c.get('visit').caller, name);
    });
    if (!removed.ok) return askToRemove(c, web, removed.errors, removed.status);
    return c.redirect(`${PRIVILEGES_PATH}?done=group-removed`, 303);
  });

  routes.get(TAKE_OUT, (c) => askToTakeOut(c, web, new Form(new URL(c.req.url).searchParams), []));
  routes.post(TAKE_OUT, async (c) => {
    const form = await postedForm(c, web);
    const { gid, name } = await groupOf(c, web);
    const removed = await attempt(async () => {
      await confirmPassword(c, web, form);
      await accounts.removeMember(c.get('visit').caller, name, form.text('name'));
    });
    if (!removed.ok) return askToTakeOut(c, web, form, removed.errors, removed.status);
    return c.redirect(`/admin/groups/${gid}?done=member-removed`, 303);
  });
}

async function askToRemove(
  c: HttpContext,
  web: Web,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const { gid, name, members } = await groupOf(c, web);
  const count = members.length === 1 ? 'Its one member loses' : `Its ${members.length} members lose`;
  const ask = {
    title: `Remove the group ${name}?`,
    body: html`<p>${count} the privileges that come with it alone. Users and tokens stay.</p>`,
    post: `/admin/groups/${gid}/remove`,
    button: 'Remove group',
    cancel: `/admin/groups/${gid}`,
  };
  return answer(c, web, ask, errors, status);
}

async function askToTakeOut(
  c: HttpContext,
  web: Web,
  form: Form,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const { gid, name } = await groupOf(c, web);
  const member = form.text('name');
  const ask = {
    title: `Take ${member} out of ${name}?`,
    body: html`<p>
      They lose the privileges that come with it alone. Sessions that depended on them are closed.
    </p>`,
    post: `/admin/groups/${gid}/take-out`,
    button: 'Take out',
    cancel: `/admin/groups/${gid}`,
    hidden: { name: member },
  };
  return answer(c, web, ask, errors, status);
}

async function answer(
  c: HttpContext,
  web: Web,
  ask: Omit<Parameters<typeof question>[0], 'kind' | 'errors' | 'whyNot'>,
  errors: readonly FieldError[],
  status: ContentfulStatusCode,
): Promise<Response> {
  const visit = c.get('visit');
  const whyNot = await whyNoChange(web, visit, 'admin');
  const body = question({ ...ask, kind: 'danger', errors, whyNot }, visit);
  return page(c, web, { title: ask.title, at: PRIVILEGES_PATH, body, status });
}
