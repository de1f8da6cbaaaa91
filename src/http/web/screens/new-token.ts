import { randomUUID } from 'node:crypto';
import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { UserView } from '../../../accounts/views.ts';
import { SCOPES } from '../../../accounts/actor.ts';
import type { Policy } from '../../../store/policy.ts';
import type { IssueRequest } from '../../../tokens/service.ts';
import { RequestError } from '../../../core/errors.ts';
import type { Caller, HttpContext, HttpEnv } from '../../env.ts';
import { attempt } from '../attempt.ts';
import { Form } from '../form.ts';
import {
  checkbox,
  errorSummary,
  field,
  hidden,
  keyField,
  passwordAgain,
  type FieldError,
} from '../ui/form.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { page } from '../ui/layout.ts';
import { action, heading } from '../ui/parts.ts';
import { confirmPassword, postedForm, signedIn, type Visit } from '../visit.ts';
import type { Web } from '../web.ts';
import { lifetimeField, lifetimeOf } from './lifetimes.ts';
import { whyNoToken } from './may-create.ts';
import { revealed } from './reveal.ts';

interface Data {
  readonly visit: Visit;
  readonly user: UserView;
  readonly policy: Policy;
  readonly form: Form;
  readonly errors: readonly FieldError[];
  readonly whyNot: string | null;
  readonly now: Date;
}

const PATH = '/tokens/new';

/** `/tokens/new`: a form whose fields an address may fill in beforehand; its answer shows the new token, once. */
export function newTokenScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, signedIn(web), (c) => show(c, web, new Form(new URL(c.req.url).searchParams), []));

  routes.post('/tokens', signedIn(web), async (c) => {
    const form = await postedForm(c, web);
    const made = await attempt(async () => {
      await confirmPassword(c, web, form);
      const { caller } = c.get('visit');
      const request = requestOf(form, await web.deps.policy.get(), web.deps.clock.now());
      return web.deps.tokens.issue(caller, { ...request, owner: await ownerOf(web, caller, form) });
    });
    if (!made.ok) return show(c, web, form, made.errors, made.status);
    const { token, info } = made.value;
    if (token === null) return c.redirect(`/tokens/${info.tid}?done=repeated`, 303);
    return revealed(c, web, { token, info, title: 'Your new token' });
  });
}

/** @throws RequestError request.invalid, naming the field */
function requestOf(form: Form, policy: Policy, now: Date): IssueRequest {
  const idempotencyKey = form.optional('once');
  return {
    label: form.text('label'),
    description: form.optional('description'),
    lifetime: lifetimeOf(form, policy, now),
    databases: form.words('databases'),
    role: form.optional('role'),
    networks: form.words('networks'),
    maxSessions: form.wholeNumber('maxSessions', 'The number of sessions'),
    scopes: SCOPES.filter((scope) => form.all('scopes').includes(scope)),
    ...(idempotencyKey === null ? {} : { idempotencyKey }),
  };
}

/** @returns uid of the user whom the form names, oneself when it names none */
async function ownerOf({ deps }: Web, caller: Caller, form: Form): Promise<string> {
  const name = form.text('owner');
  if (name === '' || name === caller.name) return caller.uid;
  const owner = await deps.accounts.findUser(caller, { name });
  if (owner !== null) return owner.uid;
  throw new RequestError('request.invalid', 'There is no such user.', { field: 'owner' });
}

async function show(
  c: HttpContext,
  web: Web,
  form: Form,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const { deps } = web;
  const visit = c.get('visit');
  const [user, policy, whyNot] = await Promise.all([
    deps.accounts.getUser(visit.caller, { uid: visit.caller.uid }),
    deps.policy.get(),
    whyNoToken(deps, visit),
  ]);
  const data = { visit, user, policy, form, errors, whyNot, now: deps.clock.now() };
  return page(c, web, { title: 'Generate token', at: '/tokens', body: view(data), status });
}

function view(data: Data): Html {
  const { whyNot } = data;
  return html`<div class="medium">
    ${heading('Generate token', { intro: 'The token is shown once, right after this. Only you can use it as yourself.' })}
    ${
      whyNot === null
        ? formView(data)
        : html`<p class="notice warn">${whyNot}</p>
            <p>${action({ href: '/tokens', text: 'Back to my tokens' })}</p>`
    }
  </div>`;
}

function formView({ visit, user, policy, form, errors, now }: Data): Html {
  // The same again after something was wrong, since nothing was made by it.
  const once = (errors.length > 0 ? form.optional('once') : null) ?? randomUUID();
  return html`${errorSummary(errors)}
    <form class="card" method="post" action="/tokens">
      ${keyField(visit)} ${hidden('once', once)}
      ${field({
        name: 'label',
        label: 'Label',
        value: form.text('label'),
        required: true,
        maxLength: 250,
        hint: 'By which you will know it again: the tool, and the computer.',
        placeholder: 'DBeaver on my laptop',
        errors,
        focus: errors.length === 0,
      })}
      ${visit.caller.privileges.has('manage_all') ? ownerField(visit.caller, form, errors) : NOTHING}
      ${lifetimeField(form, policy, now, errors)}
      <fieldset>
        <legend>Limits</legend>
        <p class="hint">What you leave empty is not limited beyond your own rights.</p>
        ${limitFields(visit, user, form, errors)}
      </fieldset>
      <details ${moreIsUsed(form) ? 'open' : ''}>
        <summary>More</summary>
        ${field({
          name: 'description',
          label: 'Description',
          value: form.text('description'),
          maxLength: 1000,
          lines: 2,
          errors,
        })}
        ${scopeFields(form)}
      </details>
      ${passwordAgain(visit, errors, PATH)}
      <div class="buttons">
        <button class="primary">Generate token</button>
        ${action({ href: '/tokens', text: 'Cancel', kind: 'quiet' })}
      </div>
    </form>`;
}

/** For service principals, who can not come here themselves. */
function ownerField({ name }: Caller, form: Form, errors: readonly FieldError[]): Html {
  return field({
    name: 'owner',
    label: 'For',
    value: form.optional('owner') ?? name,
    maxLength: 128,
    hint: 'Yourself, another user, or a service principal. You will see the secret: hand it over safely.',
    errors,
  });
}

function limitFields(visit: Visit, user: UserView, form: Form, errors: readonly FieldError[]): Html {
  const { address } = visit.caller;
  return html`${field({
    name: 'databases',
    label: 'Databases',
    value: form.text('databases'),
    hint:
      user.databases === null
        ? 'Divided by commas, such as sales, hr.'
        : `Divided by commas. You may reach: ${user.databases.join(', ')}.`,
    errors,
  })}
  ${field({
    name: 'role',
    label: 'Engine role',
    value: form.text('role'),
    maxLength: 63,
    ...roleNote(visit, user),
    errors,
  })}
  ${field({
    name: 'networks',
    label: 'Networks',
    value: form.text('networks'),
    hint: html`Addresses or networks that it may be used from, such as
    10.1.0.0/16.${address === null ? '' : html` You are at <code>${address}</code>.`}`,
    errors,
  })}
  ${field({
    name: 'maxSessions',
    label: 'Sessions at once',
    type: 'number',
    min: '1',
    max: '100000',
    value: form.text('maxSessions'),
    errors,
  })}`;
}

function roleNote(
  { caller }: Visit,
  { engineRole }: UserView,
): { readonly hint: string } | { readonly disabledBecause: string } {
  if (caller.privileges.has('admin')) return { hint: 'As an administrator you may name any.' };
  if (engineRole !== null) return { hint: `Your own: ${engineRole}.` };
  return {
    disabledBecause: 'You have no engine role of your own to limit it to. An administrator can give you one.',
  };
}

const SCOPE_TEXTS = {
  tokens: [
    'May create and rotate tokens',
    'By the API. Whoever steals such a token can make others from it.',
  ],
  accounts: ['May change accounts', 'By the API, as far as you may: users, passwords, privileges, policy.'],
} as const;

function scopeFields(form: Form): Html {
  const checked = form.all('scopes');
  return html`<fieldset>
    <legend>Rights beyond opening sessions</legend>
    ${SCOPES.map((scope) => {
      const [label, hint] = SCOPE_TEXTS[scope];
      return checkbox({ name: 'scopes', value: scope, label, hint, checked: checked.includes(scope) });
    })}
  </fieldset>`;
}

function moreIsUsed(form: Form): boolean {
  return form.text('description') !== '' || form.has('scopes');
}
