import type { Hono } from 'hono';
import type { HttpEnv } from '../../env.ts';
import { Form } from '../form.ts';
import { link } from '../link.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { page } from '../ui/layout.ts';
import { keyField } from '../ui/form.ts';
import { keptFields, searchBox } from '../ui/filters.ts';
import { action, done, empty, heading, pager, tabs } from '../ui/parts.ts';
import { csvAnswer } from '../../token-csv.ts';
import { signedIn, type Visit } from '../visit.ts';
import type { Web } from '../web.ts';
import { doneText } from './done.ts';
import {
  listParameters,
  serviceQuery,
  tokenList,
  VIEW_NAMES,
  VIEWS,
  type TokenList,
  type ViewName,
} from './token-query.ts';
import { tokenTable } from './token-table.ts';
import { whyNoToken } from './may-create.ts';
import type { TokenView } from '../../../tokens/views.ts';

interface Data {
  readonly visit: Visit;
  readonly list: TokenList;
  readonly tokens: readonly TokenView[];
  readonly hasNext: boolean;
  readonly counts: Readonly<Record<ViewName, number>>;
  readonly sessions: ReadonlyMap<string, number>;
  readonly whyNot: string | null;
  readonly done: string | null;
  readonly now: Date;
}

const PATH = '/tokens';

/** `/tokens`: what I have, what it is used for, and what can be done with it. */
export function myTokensScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, signedIn(web), async (c) => {
    const query = new Form(new URL(c.req.url).searchParams);
    const data = await load(web, c.get('visit'), query);
    return page(c, web, { title: 'My tokens', at: PATH, body: view(data) });
  });

  routes.get('/tokens.csv', signedIn(web), (c) => {
    const { caller } = c.get('visit');
    const list = tokenList(new Form(new URL(c.req.url).searchParams));
    return csvAnswer(c, web.deps.tokens, caller, { ...serviceQuery(list), owner: caller.uid });
  });
}

async function load({ deps }: Web, visit: Visit, query: Form): Promise<Data> {
  const { caller } = visit;
  const list = tokenList(query);
  const wanted = { ...serviceQuery(list), owner: caller.uid };
  const [found, byState, whyNot] = await Promise.all([
    deps.tokens.list(caller, { ...wanted, limit: list.size, offset: (list.page - 1) * list.size }),
    deps.tokens.countByState(caller, { owner: caller.uid, search: list.search }),
    whyNoToken(deps, visit),
  ]);
  const sum = (name: ViewName) => VIEWS[name].states.reduce((total, state) => total + byState[state], 0);
  return {
    visit,
    list,
    tokens: found.items,
    hasNext: found.nextCursor !== null,
    counts: { active: sum('active'), expired: sum('expired'), revoked: sum('revoked') },
    sessions: await deps.oversight.countByToken(
      caller,
      found.items.map((token) => token.tid),
    ),
    whyNot,
    done: doneText(query),
    now: deps.clock.now(),
  };
}

function view(data: Data): Html {
  const { list, counts } = data;
  const generate = (kind: 'primary' | 'plain') =>
    action({ href: '/tokens/new', text: 'Generate token', kind, disabledBecause: data.whyNot });
  const none = VIEW_NAMES.every((name) => counts[name] === 0) && list.search === '';
  return html`${heading('My tokens', {
    intro:
      'A token is a password for one tool: it can be limited, it expires, and you can revoke it at any time.',
    ...(none ? {} : { actions: generate('primary') }),
  })}
  ${done(data.done)}
  ${
    none
      ? empty('You have no tokens yet. Make one for the tool that you want to connect.', generate('primary'))
      : html`${tabs(
          'Tokens by state',
          VIEW_NAMES.map((name) => ({
            href: link(PATH, listParameters({ ...list, view: name, page: 1 })),
            text: VIEWS[name].name,
            count: counts[name],
            current: name === list.view,
          })),
        )}
        ${toolbar(data)} ${listing(data)}`
  }`;
}

function toolbar({ list, counts }: Data): Html {
  const { q: _, page: __, ...others } = listParameters(list);
  return html`<div class="toolbar">
    <form class="search" role="search" action="${PATH}">
      ${keptFields(others)}
      ${searchBox({ value: list.search, placeholder: 'Label, description or prefix', label: 'Search tokens' })}
    </form>
    <span class="push"></span>
    ${action({ href: link('/tokens.csv', { ...listParameters(list), page: null, size: null }), text: 'Export CSV', kind: 'quiet' })}
    ${
      counts.active > 0 && list.view === 'active'
        ? action({ href: '/tokens/revoke-all', text: 'Revoke all…', kind: 'quiet', dialog: true })
        : NOTHING
    }
  </div>`;
}

function listing(data: Data): Html {
  const { visit, list, tokens, counts, hasNext } = data;
  if (tokens.length === 0) {
    return empty(list.search === '' ? NONE[list.view] : `Nothing here matches “${list.search}”.`);
  }
  const at = (number: number) => link(PATH, listParameters({ ...list, page: number }));
  return html`${tokenTable({
    caption: `${VIEWS[list.view].name} tokens`,
    tokens,
    list,
    href: (other) => link(PATH, listParameters(other)),
    now: data.now,
    sessions: data.sessions,
    selectable: list.view !== 'revoked',
    actions: rowActions,
  })}
  ${
    list.view === 'revoked'
      ? NOTHING
      : html`<form id="selection" method="post" action="/tokens/revoke" data-dialog>
          ${keyField(visit)}
          <button class="plain">Revoke selected…</button>
        </form>`
  }
  ${pager({
    from: (list.page - 1) * list.size,
    shown: tokens.length,
    total: counts[list.view],
    previous: list.page > 1 ? at(list.page - 1) : null,
    next: hasNext ? at(list.page + 1) : null,
    what: 'tokens',
  })}`;
}

function rowActions({ tid, label, state, rotatedTo }: TokenView): Html {
  const open = (what: 'rotate' | 'revoke', text: string): Html =>
    action({ href: `/tokens/${tid}/${what}`, text, kind: 'quiet', label: `${text} ${label}`, dialog: true });
  return html`${state === 'live' && rotatedTo === null ? open('rotate', 'Rotate') : NOTHING}
  ${open('revoke', 'Revoke')}`;
}

const NONE = {
  active: 'No active tokens.',
  expired: 'No expired tokens.',
  revoked: 'No revoked tokens.',
} as const satisfies Record<ViewName, string>;
