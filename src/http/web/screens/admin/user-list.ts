import type { Hono } from 'hono';
import type { AccountState, Page, UserView } from '../../../../accounts/views.ts';
import type { UserQuery } from '../../../../accounts/service.ts';
import type { HttpEnv } from '../../../env.ts';
import { Form } from '../../form.ts';
import { link } from '../../link.ts';
import { badge } from '../../ui/badge.ts';
import { cursorPager } from '../../ui/cursor-pager.ts';
import { filters } from '../../ui/filters.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { action, done, empty, heading, tabs } from '../../ui/parts.ts';
import { table, type Column } from '../../ui/table.ts';
import { time } from '../../ui/time.ts';
import type { Web } from '../../web.ts';
import { adminDoneText } from './done.ts';
import { whyNoChange } from './guard.ts';

const PATH = '/admin/users';

const VIEWS = {
  all: { name: 'All', query: {} },
  people: { name: 'People', query: { kind: 'person' } },
  services: { name: 'Service principals', query: { kind: 'service' } },
  disabled: { name: 'Disabled', query: { states: ['disabled'] } },
  removed: { name: 'Removed', query: { states: ['removed'] } },
} as const satisfies Record<string, { readonly name: string; readonly query: UserQuery }>;

type ViewName = keyof typeof VIEWS;
const VIEW_NAMES = Object.keys(VIEWS) as readonly ViewName[];
const SIZE = 100;

interface Data {
  readonly view: ViewName;
  readonly search: string;
  readonly cursor: string | null;
  readonly users: Page<UserView>;
  readonly whyNot: string | null;
  readonly done: string | null;
}

/** `/admin/users`: people and service principals. */
export function userListScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, async (c) => {
    const query = new Form(new URL(c.req.url).searchParams);
    const visit = c.get('visit');
    const view = VIEW_NAMES.find((name) => name === query.text('view')) ?? 'all';
    const search = query.text('q').slice(0, 200);
    const cursor = query.optional('cursor');
    const wanted = { ...VIEWS[view].query, search, cursor, limit: SIZE };
    const body = screen({
      view,
      search,
      cursor,
      users: await web.deps.accounts.listUsers(visit.caller, wanted),
      whyNot: await whyNoChange(web, visit, 'admin'),
      done: adminDoneText(query),
    });
    return page(c, web, { title: 'Users', at: PATH, body });
  });
}

function screen(data: Data): Html {
  const { view, search, users, whyNot } = data;
  return html`${heading('Users', {
    intro:
      'People, and service principals for programs. What each may do follows from privileges and groups.',
    actions: action({ href: '/admin/users/new', text: 'Add user', kind: 'primary', disabledBecause: whyNot }),
  })}
  ${done(data.done)}
  ${tabs(
    'Users by kind and state',
    VIEW_NAMES.map((name) => ({
      href: link(PATH, { view: name === 'all' ? null : name, q: search }),
      text: VIEWS[name].name,
      current: name === view,
    })),
  )}
  ${filters({
    path: PATH,
    kept: { view: view === 'all' ? null : view },
    search: { value: search, label: 'Search users', placeholder: 'Name, e-mail or display name' },
  })}
  ${
    users.items.length === 0
      ? empty('No user is like that.')
      : table({ caption: 'Users', columns: COLUMNS, rows: users.items })
  }
  ${pages(data)}`;
}

function pages({ view, search, cursor, users: { items, nextCursor } }: Data): Html {
  const at = (other: string | null) =>
    link(PATH, { view: view === 'all' ? null : view, q: search, cursor: other });
  if (items.length === 0 && cursor === null) return NOTHING;
  return cursorPager({
    shown: items.length,
    total: null,
    what: 'users',
    first: cursor === null ? null : at(null),
    next: nextCursor === null ? null : at(nextCursor),
  });
}

const COLUMNS: readonly Column<UserView>[] = [
  {
    title: 'Name',
    heading: true,
    cell: ({ uid, name, displayName, email }) =>
      html`<a class="name" href="/admin/users/${uid}">${name}</a>
        <div class="dim clip">${[displayName, email].filter((text) => text !== null).join(' · ')}</div>`,
  },
  { title: 'Status', cell: ({ state, kind }) => html`${stateBadge(state)} ${kindTag(kind)}` },
  { title: 'Privileges', cell: ({ privileges }) => strongest(privileges) },
  { title: 'Groups', cell: ({ groups }) => html`<div class="clip">${groups.join(', ')}</div>` },
  { title: 'Engine role', cell: ({ engineRole }) => engineRole ?? html`<span class="dim">none</span>` },
  {
    title: 'Databases',
    cell: ({ databases }) =>
      databases === null
        ? html`<span class="dim">any</span>`
        : html`<div class="clip">${databases.join(', ')}</div>`,
  },
  { title: 'Created', cell: ({ createdAt }) => time(createdAt, { withTime: false }) },
];

export function stateBadge(state: AccountState): Html {
  switch (state) {
    case 'active':
      return badge('good', 'Active');
    case 'disabled':
      return badge('warn', 'Disabled');
    case 'removed':
      return badge('plain', 'Removed');
    default:
      return state satisfies never;
  }
}

export function kindTag(kind: UserView['kind']): Html {
  return kind === 'service' ? html`<span class="tag">service principal</span>` : NOTHING;
}

/** Each privilege includes the weaker ones. */
function strongest(privileges: UserView['privileges']): Html {
  if (privileges.includes('admin')) return badge('info', 'admin');
  if (privileges.includes('manage_all')) return badge('info', 'manage all');
  return privileges.includes('can_use') ? html`can use` : html`<span class="dim">none</span>`;
}
