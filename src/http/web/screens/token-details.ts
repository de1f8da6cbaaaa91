import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ListedSession } from '../../../store/live-sessions.ts';
import type { TokenView } from '../../../tokens/views.ts';
import type { HttpContext, HttpEnv } from '../../env.ts';
import { attempt } from '../attempt.ts';
import { Form } from '../form.ts';
import { tokenBadge } from '../ui/badge.ts';
import { errorSummary, field, keyField, type FieldError } from '../ui/form.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { page } from '../ui/layout.ts';
import { action, done, empty, facts, heading } from '../ui/parts.ts';
import { time } from '../ui/time.ts';
import { postedForm, signedIn, type Visit } from '../visit.ts';
import type { Web } from '../web.ts';
import { doneText } from './done.ts';
import { whyNotRevoke, whyNotRotate } from './may-create.ts';
import { endSessionsForm } from './end-sessions.ts';
import { sessionTable } from './session-table.ts';
import { limitsText } from './token-table.ts';

interface Data {
  readonly visit: Visit;
  readonly token: TokenView;
  readonly sessions: readonly ListedSession[];
  readonly whyNotRotate: string | null;
  readonly done: string | null;
  readonly form: Form | null;
  readonly errors: readonly FieldError[];
  readonly now: Date;
}

const PATH = '/tokens/:tid';
const SHOWN_SESSIONS = 200;

/** `/tokens/{tid}`: all that is known of a token, who uses it now, and its name. */
export function tokenDetailsScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, signedIn(web), (c) => show(c, web, null, []));

  routes.post(PATH, signedIn(web), async (c) => {
    const form = await postedForm(c, web);
    const tid = c.req.param('tid');
    const change = { label: form.text('label'), description: form.optional('description') };
    const saved = await attempt(() => web.deps.tokens.edit(c.get('visit').caller, tid, change));
    if (!saved.ok) return show(c, web, form, saved.errors, saved.status);
    return c.redirect(`/tokens/${saved.value.tid}?done=saved`, 303);
  });
}

async function show(
  c: HttpContext,
  web: Web,
  form: Form | null,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const { deps } = web;
  const visit = c.get('visit');
  const token = await deps.tokens.get(visit.caller, c.req.param('tid') ?? '');
  const body = view({
    visit,
    token,
    sessions: await deps.oversight.sessions(visit.caller, { tid: token.tid, limit: SHOWN_SESSIONS }),
    whyNotRotate: await whyNotRotate(deps, visit, token),
    done: doneText(new Form(new URL(c.req.url).searchParams)),
    form,
    errors,
    now: deps.clock.now(),
  });
  return page(c, web, { title: token.label, at: '/tokens', body, status });
}

function view(data: Data): Html {
  const { token, now, visit } = data;
  const back = visit.caller.uid === token.uid ? '/tokens' : '/admin/tokens';
  return html`<p><a href="${back}">← ${back === '/tokens' ? 'My tokens' : 'All tokens'}</a></p>
    ${heading(token.label, {
      intro: html`${tokenBadge(token, now)} <code>${token.prefix}…</code>`,
      actions: html`${action({
        href: `/tokens/${token.tid}/rotate`,
        text: 'Rotate…',
        dialog: true,
        disabledBecause: data.whyNotRotate,
      })}
      ${action({
        href: `/tokens/${token.tid}/revoke`,
        text: 'Revoke…',
        kind: 'danger',
        dialog: true,
        disabledBecause: whyNotRevoke(token),
      })}`,
    })}
    ${done(data.done)} ${errorSummary(data.errors)}
    <div class="grid">
      <section class="card">
        <h2>What it is</h2>
        ${factList(token)}
      </section>
      ${editCard(data)}
    </div>
    ${sessionsPart(data)}`;
}

function factList(token: TokenView): Html {
  const { lastUsedAt, revokedAt, rotatedFrom, rotatedTo, retiresAt } = token;
  const limits = limitsText(token);
  return facts([
    ['Owner', token.owner],
    ...(token.creatorUid === token.uid ? [] : [['Made by', token.creator] as const]),
    ['Created', time(token.createdAt)],
    ['Expires', token.expiresAt === null ? 'never' : time(token.expiresAt)],
    ['Last used', lastUsedAt === null ? 'never' : lastUse(token, lastUsedAt)],
    [
      'Limits',
      limits.length === 0
        ? 'none beyond the owner’s rights'
        : html`${limits.map((text) => html`<div>${text}</div>`)}`,
    ],
    ['Further rights', token.scopes.length === 0 ? 'none' : token.scopes.join(', ')],
    ...(revokedAt === null
      ? []
      : [['Revoked', html`${time(revokedAt)}, ${token.revokeReason ?? ''}`] as const]),
    ...(rotatedFrom === null
      ? []
      : [['Replaces', html`<a href="/tokens/${rotatedFrom}">an earlier token</a>`] as const]),
    ...(rotatedTo === null
      ? []
      : [['Replaced by', html`<a href="/tokens/${rotatedTo}">a newer token</a>`] as const]),
    ...(retiresAt === null ? [] : [['Ends', time(retiresAt)] as const]),
    ['Id', html`<code>${token.tid}</code>`],
  ]);
}

function lastUse({ lastUsedFrom, lastUsedApplication }: TokenView, at: Date): Html {
  return html`${time(at)} ${lastUsedFrom === null ? NOTHING : html`<div>from ${lastUsedFrom}</div>`}
  ${lastUsedApplication === null ? NOTHING : html`<div>with ${lastUsedApplication}</div>`}`;
}

function editCard({ visit, token, form, errors }: Data): Html {
  return html`<section class="card">
    <h2>Name and description</h2>
    <form class="stack" method="post" action="/tokens/${token.tid}">
      ${keyField(visit)}
      ${field({
        name: 'label',
        label: 'Label',
        value: form?.text('label') ?? token.label,
        required: true,
        maxLength: 250,
        errors,
      })}
      ${field({
        name: 'description',
        label: 'Description',
        value: form?.text('description') ?? token.description ?? '',
        maxLength: 1000,
        lines: 3,
        errors,
      })}
      <div class="buttons"><button class="plain">Save</button></div>
      <p class="hint">
        Lifetime and limits of a token are never changed: rotate it, or generate another one.
      </p>
    </form>
  </section>`;
}

function sessionsPart({ visit, token, sessions, now }: Data): Html {
  return html`<h2>Live sessions</h2>
    ${
      sessions.length === 0
        ? empty('No session uses this token now.')
        : html`${sessionTable({ caption: 'Live sessions of this token', sessions, now, owners: false })}
          ${endSessionsForm(visit, `/tokens/${token.tid}`)}`
    }`;
}
