import type { TokenSort, TokenView } from '../../../tokens/views.ts';
import { tokenBadge } from '../ui/badge.ts';
import { html, NOTHING, type Html } from '../ui/html.ts';
import { table, type Column } from '../ui/table.ts';
import { relative, time, timeAs } from '../ui/time.ts';
import type { TokenList } from './token-query.ts';

export interface TokenTableOptions {
  readonly caption: string;
  readonly tokens: readonly TokenView[];
  readonly list: TokenList;
  /** Address of the same list, sorted otherwise. */
  readonly href: (list: TokenList) => string;
  readonly now: Date;
  /** Live sessions by tid. */
  readonly sessions: ReadonlyMap<string, number>;
  /** Also shows whose they are. */
  readonly owners?: boolean;
  readonly selectable: boolean;
  readonly actions: (token: TokenView) => Html;
}

export function tokenTable(options: TokenTableOptions): Html {
  return table({ caption: options.caption, rows: options.tokens, columns: columnsOf(options) });
}

function columnsOf(options: TokenTableOptions): Column<TokenView>[] {
  const { list, now, sessions, owners = false, selectable, actions } = options;
  const sorted = (sort: TokenSort) => ({ sort: sortLink(options, sort) });
  return [
    ...(selectable ? [{ title: null, label: 'Select', className: 'select', cell: selectBox }] : []),
    { title: 'Label', heading: true, cell: labelCell, ...sorted('label') },
    ...(owners ? [{ title: 'Owner', cell: (token: TokenView) => token.owner, ...sorted('owner') }] : []),
    { title: 'Status', cell: (token) => statusCell(token, now), ...sorted('expiresAt') },
    { title: 'Created', cell: (token) => time(token.createdAt, { withTime: false }), ...sorted('createdAt') },
    { title: 'Last used', cell: (token) => lastUsedCell(token, now, sessions), ...sorted('lastUsedAt') },
    { title: 'Limits', cell: limitsCell },
    ...(list.view === 'revoked' ? [] : [{ title: null, label: 'Actions', className: 'end', cell: actions }]),
  ];
}

function sortLink(
  { list, href }: TokenTableOptions,
  sort: TokenSort,
): NonNullable<Column<TokenView>['sort']> {
  const current = list.sort === sort;
  const natural = sort === 'label' || sort === 'owner' || sort === 'expiresAt' ? 'asc' : 'desc';
  const opposite = list.direction === 'asc' ? 'desc' : 'asc';
  const sorted = href({ ...list, sort, direction: current ? opposite : natural, page: 1 });
  return { href: sorted, now: current ? (list.direction === 'asc' ? 'ascending' : 'descending') : null };
}

function selectBox({ tid, label }: TokenView): Html {
  return html`<input
    type="checkbox"
    name="tid"
    value="${tid}"
    form="selection"
    aria-label="Select ${label}"
  />`;
}

function labelCell({ tid, label, description, prefix, scopes }: TokenView): Html {
  return html`<a class="name" href="/tokens/${tid}">${label}</a>
    <code>${prefix}…</code>
    ${scopes.length === 0 ? NOTHING : html`<span class="tag">may ${scopes.map(scopeText).join(', ')}</span>`}
    ${description === null ? NOTHING : html`<div class="dim clip">${description}</div>`}`;
}

function scopeText(scope: string): string {
  return scope === 'tokens' ? 'create tokens' : scope === 'accounts' ? 'change accounts' : scope;
}

function statusCell(token: TokenView, now: Date): Html {
  const { state, revokedAt, revokeReason, expiresAt } = token;
  if (state === 'revoked') {
    return html`${tokenBadge(token, now)}
      <div class="dim">
        ${revokedAt === null ? NOTHING : time(revokedAt)}${revokeReason === null ? NOTHING : html` · ${revokeReason}`}
      </div>`;
  }
  return html`${tokenBadge(token, now)}
  ${expiresAt === null ? NOTHING : html`<div class="dim">${time(expiresAt)}</div>`}`;
}

function lastUsedCell(token: TokenView, now: Date, sessions: ReadonlyMap<string, number>): Html {
  const { tid, lastUsedAt, lastUsedFrom, lastUsedApplication } = token;
  const live = sessions.get(tid) ?? 0;
  const tag = live === 0 ? NOTHING : html`<span class="tag live">${live} live</span>`;
  // The first use is written a moment after the session is there.
  if (lastUsedAt === null) return live === 0 ? html`<span class="dim">Never</span>` : tag;
  const where = [lastUsedFrom, lastUsedApplication].filter((text) => text !== null && text !== '');
  return html`${timeAs(lastUsedAt, relative(lastUsedAt, now))} ${tag}
    <div class="dim clip">${where.join(' · ')}</div>`;
}

function limitsCell(token: TokenView): Html {
  const limits = limitsText(token);
  return limits.length === 0
    ? html`<span class="dim">None</span>`
    : html`<span class="limits">${limits.map((text) => html`<span>${text}</span>`)}</span>`;
}

/** Each thing that a token is limited to, in words. */
export function limitsText({ databases, role, networks, maxSessions }: TokenView): readonly string[] {
  return [
    ...(databases === null
      ? []
      : [`${databases.length === 1 ? 'database' : 'databases'} ${databases.join(', ')}`]),
    ...(role === null ? [] : [`role ${role}`]),
    ...(networks === null ? [] : [`from ${networks.join(', ')}`]),
    ...(maxSessions === null ? [] : [`${maxSessions} ${maxSessions === 1 ? 'session' : 'sessions'} at once`]),
  ];
}
