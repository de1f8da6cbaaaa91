import type { ListedSession } from '../../../store/live-sessions.ts';
import { html, type Html } from '../ui/html.ts';
import { table, type Column } from '../ui/table.ts';
import { relative, time } from '../ui/time.ts';

export interface SessionTableOptions {
  readonly caption: string;
  readonly sessions: readonly ListedSession[];
  readonly now: Date;
  /** Also shows whose they are, and by which token. */
  readonly owners: boolean;
}

/** Live sessions, each with a box to select it in the form `selection`. */
export function sessionTable({ caption, sessions, now, owners }: SessionTableOptions): Html {
  const columns: Column<ListedSession>[] = [
    { title: null, label: 'Select', className: 'select', cell: selectBox },
    {
      title: 'Application',
      heading: true,
      cell: ({ application, address }) =>
        html`<span class="name">${application ?? 'unnamed'}</span>
          <div class="dim">from ${address}</div>`,
    },
    ...(owners ? [{ title: 'User', cell: userCell }] : []),
    {
      title: 'Database',
      cell: ({ database, engine }) => html`${database} <span class="dim">on ${engine}</span>`,
    },
    { title: 'Role', cell: ({ role }) => role },
    {
      title: 'Since',
      cell: ({ startedAt }) =>
        html`${relative(startedAt, now)}
          <div class="dim">${time(startedAt)}</div>`,
    },
    {
      title: 'Login',
      cell: ({ mechanism, tls }) =>
        html`${mechanism}
          <div class="dim">${tls ?? 'no TLS'}</div>`,
    },
    { title: 'Runs in', cell: ({ host, processId }) => html`<span class="dim">${host}, ${processId}</span>` },
  ];
  return table({ caption, columns, rows: sessions });
}

function selectBox({ sid, user, application }: ListedSession): Html {
  const name = `Select the session of ${user}, ${application ?? 'unnamed'}`;
  return html`<input type="checkbox" name="sid" value="${sid}" form="selection" aria-label="${name}" />`;
}

function userCell({ user, tid, label }: ListedSession): Html {
  return html`${user}
  ${tid === null ? html`<div class="dim">by password</div>` : html`<div><a href="/tokens/${tid}">${label ?? 'token'}</a></div>`}`;
}
