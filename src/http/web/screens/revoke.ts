import type { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { TokenView } from '../../../tokens/views.ts';
import type { HttpContext, HttpEnv } from '../../env.ts';
import { attempt } from '../attempt.ts';
import { localPath } from '../local-path.ts';
import { errorSummary, field, hidden, keyField, passwordAgain, type FieldError } from '../ui/form.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { page } from '../ui/layout.ts';
import { action } from '../ui/parts.ts';
import { BY_TOKEN, confirmPassword, postedForm, signedIn, type Visit } from '../visit.ts';
import type { Web } from '../web.ts';
import { link } from '../link.ts';
import { VIEWS } from './token-query.ts';

/** What a revocation asks about before it happens. */
interface Question {
  readonly title: string;
  readonly tokens: readonly TokenView[];
  /** Where the form goes. */
  readonly post: string;
  /** Where the visitor goes on. */
  readonly next: string;
  /** Several at once ask for the password. */
  readonly several: boolean;
  readonly errors: readonly FieldError[];
}

const SHOWN = 10;
const MOST = 1000;
const HOME = '/tokens';

/** Revoking one, several, or all of one's tokens; each asks first and says what ends with it. */
export function revokeScreens(routes: Hono<HttpEnv>, web: Web): void {
  oneToken(routes, web);
  selectedTokens(routes, web);
  allTokens(routes, web);
}

function oneToken(routes: Hono<HttpEnv>, web: Web): void {
  const path = '/tokens/:tid/revoke';
  const question = async (c: HttpContext, next: string, errors: readonly FieldError[]): Promise<Question> => {
    const token = await web.deps.tokens.get(c.get('visit').caller, c.req.param('tid') ?? '');
    return {
      title: 'Revoke token?',
      tokens: [token],
      post: `/tokens/${token.tid}/revoke`,
      next,
      several: false,
      errors,
    };
  };

  routes.get(path, signedIn(web), async (c) =>
    ask(c, web, await question(c, localPath(c.req.query('next'), HOME), [])),
  );

  routes.post(path, signedIn(web), async (c) => {
    const form = await postedForm(c, web);
    const next = localPath(form.text('next'), HOME);
    const { caller } = c.get('visit');
    const revoked = await attempt(() =>
      web.deps.tokens.revoke(caller, c.req.param('tid'), form.optional('reason') ?? undefined),
    );
    if (!revoked.ok) return ask(c, web, await question(c, next, revoked.errors), revoked.status);
    return c.redirect(link(next, { done: 'revoked' }), 303);
  });
}

function selectedTokens(routes: Hono<HttpEnv>, web: Web): void {
  routes.post('/tokens/revoke', signedIn(web), async (c) => {
    const form = await postedForm(c, web);
    const next = localPath(form.text('next'), HOME);
    const tids = [...new Set(form.all('tid'))].slice(0, MOST);
    if (tids.length === 0) return ask(c, web, nothingSelected(next));
    const question = async (errors: readonly FieldError[]): Promise<Question> => {
      const { caller } = c.get('visit');
      const { items: tokens } = await web.deps.tokens.list(caller, { tids, limit: MOST });
      const title = tokens.length === 1 ? 'Revoke token?' : `Revoke ${tokens.length} tokens?`;
      return { title, tokens, post: '/tokens/revoke', next, several: true, errors };
    };
    if (!form.has('confirmed')) return ask(c, web, await question([]));
    const revoked = await attempt(async () => {
      await confirmPassword(c, web, form);
      return web.deps.tokens.revokeMany(c.get('visit').caller, tids, form.optional('reason') ?? undefined);
    });
    if (!revoked.ok) return ask(c, web, await question(revoked.errors), revoked.status);
    const already = tids.length - revoked.value;
    return c.redirect(link(next, { done: 'revoked', count: revoked.value, already }), 303);
  });
}

function allTokens(routes: Hono<HttpEnv>, web: Web): void {
  const path = '/tokens/revoke-all';
  const question = async (c: HttpContext, errors: readonly FieldError[]): Promise<Question> => {
    const { caller } = c.get('visit');
    const query = { owner: caller.uid, states: VIEWS.active.states, limit: MOST };
    const { items } = await web.deps.tokens.list(caller, query);
    return { title: 'Revoke all your tokens?', tokens: items, post: path, next: HOME, several: true, errors };
  };

  routes.get(path, signedIn(web), async (c) => ask(c, web, await question(c, [])));

  routes.post(path, signedIn(web), async (c) => {
    const form = await postedForm(c, web);
    const revoked = await attempt(async () => {
      await confirmPassword(c, web, form);
      const { caller } = c.get('visit');
      return web.deps.tokens.revokeAll(caller, caller.uid, form.optional('reason') ?? undefined);
    });
    if (!revoked.ok) return ask(c, web, await question(c, revoked.errors), revoked.status);
    return c.redirect(link(HOME, { done: 'revoked', count: revoked.value }), 303);
  });
}

function nothingSelected(next: string): Question {
  return { title: 'Nothing is selected', tokens: [], post: '', next, several: true, errors: [] };
}

async function ask(
  c: HttpContext,
  web: Web,
  question: Question,
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const visit = c.get('visit');
  const tids = question.tokens.map((token) => token.tid);
  const sessions = await web.deps.oversight.countByToken(visit.caller, tids);
  const body = html`<div class="medium">${view(question, visit, sessions)}</div>`;
  return page(c, web, { title: question.title, at: localMenu(question.next), body, status });
}

function localMenu(next: string): '/tokens' | '/admin/tokens' {
  return next.startsWith('/admin/') ? '/admin/tokens' : '/tokens';
}

function view(question: Question, visit: Visit, sessions: ReadonlyMap<string, number>): Html {
  const { title, tokens, next } = question;
  const cancel = action({ href: next, text: tokens.length === 0 ? 'Back' : 'Cancel', kind: 'quiet' });
  if (tokens.length === 0) {
    return html`<section class="card ask">
      <h1 id="ask-title">${title}</h1>
      <p>Select the tokens that you want to revoke first.</p>
      <div class="buttons">${cancel}</div>
    </section>`;
  }
  const refused = question.several && visit.byToken;
  return html`<section class="card ask">
    <h1 id="ask-title">${title}</h1>
    ${errorSummary(question.errors)} ${affected(tokens, sessions)}
    ${
      refused
        ? html`<p class="notice warn">${BY_TOKEN}</p>
            <div class="buttons">${cancel}</div>`
        : confirmation(question, visit, cancel)
    }
  </section>`;
}

function affected(tokens: readonly TokenView[], sessions: ReadonlyMap<string, number>): Html {
  const live = [...sessions.values()].reduce((sum, count) => sum + count, 0);
  return html`<ul class="affected">
      ${tokens.slice(0, SHOWN).map(({ tid, label, prefix, owner, state }) => {
        const count = sessions.get(tid) ?? 0;
        return html`<li>
          <strong>${label}</strong> <code>${prefix}…</code> <span class="dim">of ${owner}</span>
          ${count === 0 ? NOTHING : html`<span class="tag live">${count} live</span>`}
          ${state === 'revoked' ? html`<span class="tag">revoked already</span>` : NOTHING}
        </li>`;
      })}
      ${tokens.length > SHOWN ? html`<li class="dim">and ${tokens.length - SHOWN} more</li>` : NOTHING}
    </ul>
    <p>
      ${closing(live, tokens.length === 1 ? 'it' : 'them')} Tools that have
      ${tokens.length === 1 ? 'it' : 'them'} can not log in any more. This can not be undone.
    </p>`;
}

function closing(live: number, what: string): string {
  if (live === 0) return `No live session uses ${what} now.`;
  return live === 1
    ? `One live session that uses ${what} closes at once.`
    : `${live} live sessions that use ${what} close at once.`;
}

function confirmation({ tokens, post, next, several, errors }: Question, visit: Visit, cancel: Html): Html {
  return html`<form method="post" action="${post}">
    ${keyField(visit)} ${hidden('next', next)} ${hidden('confirmed', 'yes')}
    ${several && post === '/tokens/revoke' ? tokens.map(({ tid }) => hidden('tid', tid)) : NOTHING}
    ${field({ name: 'reason', label: 'Reason', maxLength: 200, hint: 'Shown to clients whose session ends, and kept in the audit.', errors })}
    ${several ? passwordAgain(visit, errors) : NOTHING}
    <div class="buttons">
      <button class="danger">
        ${tokens.length === 1 ? 'Revoke token' : `Revoke ${tokens.length} tokens`}
      </button>
      ${cancel}
    </div>
  </form>`;
}
