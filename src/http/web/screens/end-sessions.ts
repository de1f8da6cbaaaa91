import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ListedSession } from '../../../store/live-sessions.ts';
import type { HttpContext, HttpEnv } from '../../env.ts';
import { attempt } from '../attempt.ts';
import { link } from '../link.ts';
import { localPath } from '../local-path.ts';
import { errorSummary, field, hidden, keyField, type FieldError } from '../ui/form.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { page } from '../ui/layout.ts';
import { action } from '../ui/parts.ts';
import { postedForm, signedIn, type Visit } from '../visit.ts';
import type { Web } from '../web.ts';

const PATH = '/sessions/end';
const SHOWN = 10;
const MOST = 1000;

/** The form of a list of sessions whose boxes it sends. @param next where the visitor goes on */
export function endSessionsForm(visit: Visit, next: string): Html {
  return html`<form id="selection" method="post" action="${PATH}" data-dialog>
    ${keyField(visit)} ${hidden('next', next)}
    <button class="plain">End selected…</button>
  </form>`;
}

/** `/sessions/end`: asks, then closes live sessions: one's own, or anyone's with *manage all*. */
export function endSessionsScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.post(PATH, signedIn(web), async (c) => {
    const form = await postedForm(c, web);
    const { caller } = c.get('visit');
    const next = localPath(form.text('next'), '/tokens');
    const sids = [...new Set(form.all('sid'))].slice(0, MOST);
    if (!form.has('confirmed') || sids.length === 0) return ask(c, web, { sids, next, errors: [] });
    const reason = form.optional('reason') ?? undefined;
    const ended = await attempt(() => web.deps.oversight.killSessions(caller, sids, reason));
    if (!ended.ok) return ask(c, web, { sids, next, errors: ended.errors }, ended.status);
    return c.redirect(link(next, { done: 'ended', count: sids.length }), 303);
  });
}

interface Question {
  readonly sids: readonly string[];
  readonly next: string;
  readonly errors: readonly FieldError[];
}

async function ask(
  c: HttpContext,
  web: Web,
  question: Question,
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const visit = c.get('visit');
  const wanted = new Set(question.sids);
  const running = await web.deps.oversight.sessions(visit.caller, { limit: 10_000 });
  const found = running.filter(({ sid }) => wanted.has(sid));
  const body = html`<div class="medium">${view(question, visit, found)}</div>`;
  return page(c, web, { title: 'End sessions?', body, status });
}

function view({ next, errors }: Question, visit: Visit, found: readonly ListedSession[]): Html {
  const cancel = action({ href: next, text: found.length === 0 ? 'Back' : 'Cancel', kind: 'quiet' });
  if (found.length === 0) {
    return html`<section class="card ask">
      <h1 id="ask-title">Nothing to end</h1>
      <p>None of the selected sessions runs any more, or none was selected.</p>
      <div class="buttons">${cancel}</div>
    </section>`;
  }
  const text = found.length === 1 ? 'End session' : `End ${found.length} sessions`;
  return html`<section class="card ask">
    <h1 id="ask-title">${text}?</h1>
    ${errorSummary(errors)}
    <ul class="affected">
      ${found.slice(0, SHOWN).map(
        ({ user, application, address, database }) =>
          html`<li>
            <strong>${user}</strong>, ${application ?? 'unnamed'} from ${address}
            <span class="dim">in ${database}</span>
          </li>`,
      )}
      ${found.length > SHOWN ? html`<li class="dim">and ${found.length - SHOWN} more</li>` : NOTHING}
    </ul>
    <p>A running statement is cancelled first; they close within two seconds. The tools may log in again.</p>
    <form class="stack" method="post" action="${PATH}">
      ${keyField(visit)} ${hidden('next', next)} ${hidden('confirmed', 'yes')}
      ${found.map(({ sid }) => hidden('sid', sid))}
      ${field({ name: 'reason', label: 'Reason', maxLength: 200, hint: 'Shown to the client, and kept in the audit.', errors })}
      <div class="buttons"><button class="danger">${text}</button> ${cancel}</div>
    </form>
  </section>`;
}
