import { randomUUID } from 'node:crypto';
import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { DAY_MS, formatDuration, HOUR_MS } from '../../../core/duration.ts';
import { RequestError } from '../../../core/errors.ts';
import type { Policy } from '../../../store/policy.ts';
import type { TokenView } from '../../../tokens/views.ts';
import type { HttpContext, HttpEnv } from '../../env.ts';
import { attempt } from '../attempt.ts';
import type { Form } from '../form.ts';
import { errorSummary, hidden, keyField, passwordAgain, select, type FieldError } from '../ui/form.ts';
import { html, type Html } from '../ui/html.ts';
import { page } from '../ui/layout.ts';
import { action } from '../ui/parts.ts';
import { time } from '../ui/time.ts';
import { confirmPassword, postedForm, signedIn, type Visit } from '../visit.ts';
import type { Web } from '../web.ts';
import { whyNotRotate } from './may-create.ts';
import { revealed } from './reveal.ts';

interface Question {
  readonly token: TokenView;
  readonly policy: Policy;
  readonly live: number;
  readonly overlap: string | null;
  readonly whyNot: string | null;
  readonly errors: readonly FieldError[];
}

const PATH = '/tokens/:tid/rotate';

/** Rotating a token: asks how long the old secret lives on, and answers with the new one. */
export function rotateScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, signedIn(web), (c) => ask(c, web, c.req.param('tid'), null, []));

  routes.post(PATH, signedIn(web), async (c) => {
    const form = await postedForm(c, web);
    const tid = c.req.param('tid');
    const rotated = await attempt(async () => {
      await confirmPassword(c, web, form);
      const idempotencyKey = form.optional('once');
      return web.deps.tokens.rotate(c.get('visit').caller, tid, {
        overlapMs: overlapOf(form),
        ...(idempotencyKey === null ? {} : { idempotencyKey }),
      });
    });
    if (!rotated.ok) return ask(c, web, tid, form, rotated.errors, rotated.status);
    const { token, info } = rotated.value;
    if (token === null) return c.redirect(`/tokens/${info.tid}?done=repeated`, 303);
    const old = await web.deps.tokens.get(c.get('visit').caller, tid);
    return revealed(c, web, { token, info, title: 'The new secret', note: oldOne(old) });
  });
}

/** @throws RequestError request.invalid, naming the field */
function overlapOf(form: Form): number {
  const text = form.text('overlap');
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new RequestError('request.invalid', 'Choose how long the old secret lives on.', { field: 'overlap' });
}

function oldOne({ tid, retiresAt }: TokenView): Html {
  return html`<a href="/tokens/${tid}">The old one</a> ${
      retiresAt === null
        ? 'has stopped working.'
        : html`works until ${time(retiresAt)} UTC; its page shows who still uses it.`
    }`;
}

async function ask(
  c: HttpContext,
  web: Web,
  tid: string,
  form: Form | null,
  errors: readonly FieldError[],
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const { deps } = web;
  const visit = c.get('visit');
  const [token, policy] = await Promise.all([deps.tokens.get(visit.caller, tid), deps.policy.get()]);
  const question: Question = {
    token,
    policy,
    live: (await deps.oversight.countByToken(visit.caller, [token.tid])).get(token.tid) ?? 0,
    overlap: form?.optional('overlap') ?? null,
    whyNot: await whyNotRotate(deps, visit, token),
    errors,
  };
  const body = html`<div class="medium">${view(question, visit)}</div>`;
  return page(c, web, { title: 'Rotate token?', at: '/tokens', body, status });
}

function view(question: Question, visit: Visit): Html {
  const { token, live, whyNot, errors } = question;
  const cancel = action({
    href: `/tokens/${token.tid}`,
    text: whyNot === null ? 'Cancel' : 'Back',
    kind: 'quiet',
  });
  return html`<section class="card ask">
    <h1 id="ask-title">Rotate token?</h1>
    ${errorSummary(errors)}
    <p>
      <strong>${token.label}</strong> <code>${token.prefix}…</code> gets a new secret, with the same label and
      limits. ${sessionsNow(live)} Tools need the new secret before the old one ends.
    </p>
    ${
      whyNot === null
        ? html`<form method="post" action="/tokens/${token.tid}/rotate">
            ${keyField(visit)} ${hidden('once', randomUUID())} ${overlapField(question)}
            ${passwordAgain(visit, errors, `/tokens/${token.tid}/rotate`)}
            <div class="buttons"><button class="primary">Rotate token</button> ${cancel}</div>
          </form>`
        : html`<p class="notice warn">${whyNot}</p>
            <div class="buttons">${cancel}</div>`
    }
  </section>`;
}

function sessionsNow(live: number): string {
  if (live === 0) return 'No live session uses it now.';
  const uses = live === 1 ? 'One live session uses' : `${live} live sessions use`;
  return `${uses} it now, and may go on until the old secret ends.`;
}

function overlapField({ policy, overlap, errors }: Question): Html {
  const own = policy.rotationOverlapMs;
  const lengths = [...new Set([0, HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, own])].sort((a, b) => a - b);
  return select({
    name: 'overlap',
    label: 'The old secret',
    value: overlap ?? String(own),
    choices: lengths.map((ms) => ({
      value: String(ms),
      text: ms === 0 ? 'ends at once; its sessions close' : `works for ${formatDuration(ms)} longer`,
    })),
    errors,
  });
}
