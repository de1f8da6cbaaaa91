import type { Hono } from 'hono';
import type { Actor } from '../../../../accounts/actor.ts';
import { RequestError } from '../../../../core/errors.ts';
import { isUuid } from '../../../../core/uuid.ts';
import type { StateCounts, TokenView } from '../../../../tokens/views.ts';
import type { HttpEnv } from '../../../env.ts';
import { csvAnswer } from '../../../token-csv.ts';
import { Form } from '../../form.ts';
import { link } from '../../link.ts';
import { cursorPager } from '../../ui/cursor-pager.ts';
import { filters } from '../../ui/filters.ts';
import { field, hidden, keyField } from '../../ui/form.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { action, done, empty, heading, tabs } from '../../ui/parts.ts';
import type { Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { doneText } from '../done.ts';
import { VIEW_NAMES, VIEWS } from '../token-query.ts';
import { tokenTable } from '../token-table.ts';
import { whyNoChange } from './guard.ts';
import {
  DATES,
  filtersUsed,
  QUICK,
  QUICK_NAMES,
  reportParameters,
  reportQuery,
  tokenReport,
  type QuickName,
  type TokenReport,
} from './token-report-query.ts';

interface Data {
  readonly visit: Visit;
  readonly report: TokenReport;
  readonly tokens: readonly TokenView[];
  readonly nextCursor: string | null;
  readonly byState: StateCounts;
  readonly byQuick: Readonly<Record<QuickName, number>>;
  readonly sessions: ReadonlyMap<string, number>;
  /** The owner asked for is nobody. */
  readonly unknownOwner: boolean;
  readonly whyNot: string | null;
  readonly done: string | null;
  readonly now: Date;
}

const PATH = '/admin/tokens';

/** `/admin/tokens`: everyone's tokens, with filters, ready-made questions, CSV, and what can be revoked at once. */
export function tokenReportScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, async (c) => {
    const query = new Form(new URL(c.req.url).searchParams);
    const data = await load(web, c.get('visit'), query);
    return page(c, web, { title: 'All tokens', at: PATH, body: view(data) });
  });

  routes.get('/admin/tokens.csv', async (c) => {
    const { caller } = c.get('visit');
    const report = tokenReport(new Form(new URL(c.req.url).searchParams));
    const owner = await ownerOf(web, caller, report);
    if (owner === 'unknown')
      throw new RequestError('request.not_found', `There is no user “${report.owner}”.`);
    return csvAnswer(c, web.deps.tokens, caller, reportQuery(report, owner));
  });
}

async function load(web: Web, visit: Visit, query: Form): Promise<Data> {
  const { deps } = web;
  const { caller } = visit;
  const report = tokenReport(query);
  const owner = await ownerOf(web, caller, report);
  const unknownOwner = owner === 'unknown';
  const wanted = {
    ...reportQuery(report, unknownOwner ? null : owner),
    ...(unknownOwner ? { tids: [] } : {}),
  };
  const { quick: _, states: __, ...unnamed } = wanted;
  const [found, byState, counts, whyNot] = await Promise.all([
    deps.tokens.list(caller, { ...wanted, limit: report.list.size, cursor: report.cursor }),
    deps.tokens.countByState(caller, unnamed),
    Promise.all(QUICK_NAMES.map((quick) => deps.tokens.count(caller, { ...unnamed, quick }))),
    whyNoChange(web, visit, 'manage_all'),
  ]);
  const tids = found.items.map((token) => token.tid);
  return {
    visit,
    report,
    tokens: found.items,
    nextCursor: found.nextCursor,
    byState,
    byQuick: Object.fromEntries(QUICK_NAMES.map((name, i) => [name, counts[i] ?? 0])) as Data['byQuick'],
    sessions: await deps.oversight.countByToken(caller, tids),
    unknownOwner,
    whyNot,
    done: doneText(query),
    now: deps.clock.now(),
  };
}

/** Removed users are found by their uid alone, since others may have their name by now. */
async function ownerOf({ deps }: Web, caller: Actor, { owner }: TokenReport): Promise<string | null> {
  if (owner === '') return null;
  if (isUuid(owner)) return owner;
  return (await deps.accounts.findUser(caller, { nameOrEmail: owner }))?.uid ?? 'unknown';
}

function view(data: Data): Html {
  const { report, whyNot } = data;
  return html`${heading('All tokens', {
    intro: 'Who holds tokens, what for, and which of them nobody needs any more.',
    actions: action({ href: '/tokens/new', text: 'Create for someone', disabledBecause: whyNot }),
  })}
  ${done(data.done)} ${tabs('Tokens', tabEntries(data))} ${toolbar(report)} ${listing(data)}`;
}

function tabEntries({ report, byState, byQuick }: Data): Parameters<typeof tabs>[1] {
  const at = (change: Partial<TokenReport>) => link(PATH, reportParameters({ ...report, ...change }));
  return [
    ...VIEW_NAMES.map((name) => ({
      href: at({ quick: null, list: { ...report.list, view: name } }),
      text: VIEWS[name].name,
      count: VIEWS[name].states.reduce((sum, state) => sum + byState[state], 0),
      current: report.quick === null && report.list.view === name,
    })),
    ...QUICK_NAMES.map((name) => ({
      href: at({ quick: name, list: { ...report.list, view: 'active' } }),
      text: QUICK[name],
      count: byQuick[name],
      current: report.quick === name,
    })),
  ];
}

function toolbar(report: TokenReport): Html {
  const { list, quick, owner, dates } = report;
  const none = { createdFrom: '', createdTo: '', expiresFrom: '', expiresTo: '', usedFrom: '', usedTo: '' };
  const { q: _, owner: __, ...others } = reportParameters({ ...report, dates: none });
  return filters({
    path: PATH,
    kept: { ...others, quick },
    search: {
      value: list.search,
      label: 'Search tokens',
      placeholder: 'Label, description, owner or prefix',
    },
    used: filtersUsed(report),
    clear: link(PATH, reportParameters({ ...report, owner: '', dates: none })),
    fields: [
      field({ name: 'owner', label: 'Owner', value: owner, hint: 'Name, e-mail or uid.', bare: true }),
      ...DATES.map(([name, label]) => field({ name, label, type: 'date', value: dates[name], bare: true })),
    ],
    actions: action({
      href: link('/admin/tokens.csv', { ...reportParameters(report), size: null }),
      text: 'Export CSV',
      kind: 'quiet',
    }),
  });
}

function listing(data: Data): Html {
  const { report, tokens, whyNot, nextCursor } = data;
  if (data.unknownOwner) return empty(`There is no user “${report.owner}”.`);
  const here = link(PATH, { ...reportParameters(report), cursor: report.cursor });
  const first = link(PATH, reportParameters(report));
  if (tokens.length === 0) {
    return empty(
      'No token is like that.',
      report.cursor === null ? NOTHING : action({ href: first, text: 'First page' }),
    );
  }
  const mayRevoke = report.list.view !== 'revoked' && whyNot === null;
  return html`${tokenTable({
    caption: 'Tokens',
    tokens,
    list: report.list,
    href: (list) => link(PATH, reportParameters({ ...report, list })),
    now: data.now,
    sessions: data.sessions,
    owners: true,
    selectable: mayRevoke,
    actions: ({ tid, label }) =>
      whyNot === null
        ? action({
            href: link(`/tokens/${tid}/revoke`, { next: here }),
            text: 'Revoke',
            kind: 'quiet',
            label: `Revoke ${label}`,
            dialog: true,
          })
        : NOTHING,
  })}
  ${selection(data, here)}
  ${cursorPager({
    shown: tokens.length,
    total: totalOf(data),
    what: 'tokens',
    first: report.cursor === null ? null : first,
    next: nextCursor === null ? null : link(PATH, { ...reportParameters(report), cursor: nextCursor }),
  })}`;
}

function totalOf({ report, byState, byQuick }: Data): number {
  if (report.quick !== null) return byQuick[report.quick];
  return VIEWS[report.list.view].states.reduce((sum, state) => sum + byState[state], 0);
}

function selection({ visit, report, whyNot }: Data, here: string): Html {
  if (report.list.view === 'revoked') return NOTHING;
  if (whyNot !== null)
    return html`<p>${action({ href: PATH, text: 'Revoke selected…', disabledBecause: whyNot })}</p>`;
  return html`<form id="selection" method="post" action="/tokens/revoke" data-dialog>
    ${keyField(visit)} ${hidden('next', here)}
    <button class="plain">Revoke selected…</button>
  </form>`;
}
