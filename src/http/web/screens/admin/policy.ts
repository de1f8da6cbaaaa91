import type { Hono } from 'hono';
import type { PolicyChange, VersionedPolicy } from '../../../../tokens/policy-service.ts';
import type { HttpContext, HttpEnv } from '../../../env.ts';
import { attempt, type Refused } from '../../attempt.ts';
import { Form } from '../../form.ts';
import { errorSummary, forceBox, hidden, keyField, passwordAgain, type FieldError } from '../../ui/form.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { badge } from '../../ui/badge.ts';
import { page } from '../../ui/layout.ts';
import { done, facts, heading } from '../../ui/parts.ts';
import { confirmPassword, postedForm, type Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { adminDoneText } from './done.ts';
import { actionGroup, whyNoChange } from './guard.ts';
import { inFormWords, policyFacts, policyFields, policyPatchOf } from './policy-form.ts';
import { historyTable } from './policy-history.ts';

interface Data {
  readonly visit: Visit;
  readonly now: VersionedPolicy;
  readonly history: readonly PolicyChange[];
  readonly whyNot: string | null;
  readonly done: string | null;
  readonly form: Form | null;
  readonly errors: readonly FieldError[];
  /** The change was refused for whom it would shut out: the visitor. */
  readonly locksOut: boolean;
  /** What others changed since the form was opened. */
  readonly meanwhile: readonly PolicyChange[];
}

const PATH = '/admin/policy';
const SHOWN_CHANGES = 50;

/** `/admin/policy`: the rules for tokens, who changed them when, and the switch that turns tokens off. */
export function policyScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, (c) => show(c, web, null, null));

  routes.post(PATH, async (c) => {
    const form = await postedForm(c, web);
    const saved = await attempt(async () => {
      await confirmPassword(c, web, form);
      const version = form.wholeNumber('version', 'The version') ?? -1;
      const options = { expectedVersion: version, force: form.has('force') };
      const set = web.deps.policy.set(c.get('visit').caller, policyPatchOf(form), options);
      return set.catch((error: unknown) => {
        throw inFormWords(error);
      });
    });
    if (!saved.ok) return show(c, web, form, saved);
    return c.redirect(`${PATH}?done=saved`, 303);
  });
}

async function show(c: HttpContext, web: Web, form: Form | null, refused: Refused | null): Promise<Response> {
  const visit = c.get('visit');
  const { policy } = web.deps;
  const history = await policy.history(visit.caller, { limit: SHOWN_CHANGES });
  const from = form?.wholeNumber('version', 'The version') ?? null;
  const body = view({
    visit,
    now: await policy.current(),
    history,
    whyNot: await whyNoChange(web, visit, 'admin'),
    done: adminDoneText(new Form(new URL(c.req.url).searchParams)),
    form,
    errors: refused?.errors ?? [],
    locksOut: refused?.code === 'request.locks_out',
    meanwhile: from === null ? [] : history.filter(({ version }) => version > from),
  });
  return page(c, web, { title: 'Policy', at: PATH, body, status: refused?.status ?? 200 });
}

function view(data: Data): Html {
  const { now, history, whyNot, errors } = data;
  return html`${heading('Policy', {
      intro: 'The rules for everyone’s tokens. Each change takes effect at once, on every gateway.',
    })}
    ${done(data.done)} ${errorSummary(errors)} ${meanwhileNotice(data.meanwhile)}
    <section class="card">${tokenSwitch(data)}</section>
    <section class="card">
      <h2>Rules</h2>
      ${
        whyNot === null
          ? form(data)
          : html`<p class="why">${whyNot}</p>
              ${facts(policyFacts(now.policy).slice(1))}`
      }
    </section>
    <h2>Changes</h2>
    ${history.length === 0 ? html`<p class="dim">None so far.</p>` : historyTable(history)}`;
}

function tokenSwitch({ now: { policy }, whyNot }: Data): Html {
  const on = policy.tokensEnabled;
  return html`<div class="heading">
    <div>
      <h2>Tokens are ${on ? badge('good', 'on') : badge('bad', 'off')}</h2>
      <p class="hint">
        ${
          on
            ? 'Who may, can create tokens and log in with them.'
            : 'Nobody can log in with a token or create one. Nothing is deleted.'
        }
      </p>
    </div>
    <div class="actions">
      ${actionGroup(
        [
          {
            href: `${PATH}/tokens-${on ? 'off' : 'on'}`,
            text: on ? 'Switch off…' : 'Switch on…',
            kind: on ? 'danger' : 'primary',
          },
        ],
        whyNot,
        'why-no-switch',
      )}
    </div>
  </div>`;
}

function form({ visit, now, form: sent, errors, locksOut, meanwhile }: Data): Html {
  // Who has been told what others changed may save over it.
  const version = meanwhile.length > 0 || sent === null ? now.version : sent.text('version');
  return html`<form class="stack" method="post" action="${PATH}">
    ${keyField(visit)} ${hidden('version', String(version))} ${policyFields(sent, now.policy, errors)}
    ${locksOut ? forceBox() : NOTHING} ${passwordAgain(visit, errors)}
    <div class="buttons">
      <button class="primary">Save policy</button>
      ${sent === null ? NOTHING : html`<a class="button quiet" href="${PATH}">Discard my changes</a>`}
    </div>
  </form>`;
}

function meanwhileNotice(meanwhile: readonly PolicyChange[]): Html {
  if (meanwhile.length === 0) return NOTHING;
  return html`<div class="notice warn">
    <p>Your changes are not saved, and still stand in the form. Since you opened it:</p>
    <ul>
      ${meanwhile.map(
        ({ by, after }) =>
          html`<li>
            ${by} set
            ${policyFacts(after)
              .map(([name, value]) => `${name}: ${value}`)
              .join('; ')}
          </li>`,
      )}
    </ul>
    <p>Look the form over and save again to put yours in place of theirs, or discard yours.</p>
  </div>`;
}
