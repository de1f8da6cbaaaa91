import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { attempt } from '../../attempt.ts';
import { Form } from '../../form.ts';
import { errorSummary, field, keyField, passwordAgain, select, type FieldError } from '../../ui/form.ts';
import { html, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { action, heading } from '../../ui/parts.ts';
import { confirmPassword, postedForm, type Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { whyNoChange } from './guard.ts';
import { newPasswordField, renamed } from './new-password.ts';
import { profileFields, profileOf } from './user-form.ts';

const LIST = '/admin/users';
const PATH = '/admin/users/new';

/** `/admin/users/new`: adds a person or a service principal. */
export function newUserScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, (c) => show(c, web, new Form(new URL(c.req.url).searchParams), []));

  routes.post(LIST, async (c) => {
    const form = await postedForm(c, web);
    const password = form.secret('newPassword');
    const added = await attempt(async () => {
      await confirmPassword(c, web, form);
      return renamed(() =>
        web.deps.accounts.addUser(c.get('visit').caller, {
          name: form.text('name'),
          kind: form.text('kind') === 'service' ? 'service' : 'person',
          ...profileOf(form),
          ...(password.isEmpty ? {} : { password }),
        }),
      );
    });
    if (!added.ok) return show(c, web, form, added.errors, added.status);
    return c.redirect(`${LIST}/${added.value.uid}?done=added`, 303);
  });
}

async function show(
  c: HttpContext,
  web: Web,
  form: Form,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const visit = c.get('visit');
  const whyNot = await whyNoChange(web, visit, 'admin');
  const body = html`<div class="medium">
    ${heading('Add user')}
    ${
      whyNot === null
        ? view(visit, form, errors)
        : html`<p class="notice warn">${whyNot}</p>
            <p>${action({ href: LIST, text: 'Back to users' })}</p>`
    }
  </div>`;
  return page(c, web, { title: 'Add user', at: LIST, body, status });
}

function view(visit: Visit, form: Form, errors: readonly FieldError[]): Html {
  return html`${errorSummary(errors)}
    <form class="card" method="post" action="${LIST}">
      ${keyField(visit)}
      ${field({
        name: 'name',
        label: 'Name',
        value: form.text('name'),
        required: true,
        maxLength: 128,
        hint: 'With which they log in. It can not be changed later.',
        autocomplete: 'off',
        errors,
        focus: errors.length === 0,
      })}
      ${select({
        name: 'kind',
        label: 'Kind',
        value: form.text('kind') === 'service' ? 'service' : 'person',
        choices: [
          { value: 'person', text: 'Person' },
          { value: 'service', text: 'Service principal, for a program' },
        ],
      })}
      ${newPasswordField({
        required: false,
        hint: 'At least 8 characters. Left empty: only tokens and single sign-on log in.',
        errors,
      })}
      <fieldset>
        <legend>Profile</legend>
        ${profileFields(form, null, errors)}
      </fieldset>
      ${passwordAgain(visit, errors)}
      <div class="buttons">
        <button class="primary">Add user</button>
        ${action({ href: LIST, text: 'Cancel', kind: 'quiet' })}
      </div>
    </form>`;
}
