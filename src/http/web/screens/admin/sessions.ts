import type { Hono } from 'hono';
import { isUuid } from '../../../../core/uuid.ts';
import type { ListedSession, SessionQuery } from '../../../../store/live-sessions.ts';
import type { HttpEnv } from '../../../env.ts';
import { Form } from '../../form.ts';
import { link } from '../../link.ts';
import { cursorPager } from '../../ui/cursor-pager.ts';
import { filters } from '../../ui/filters.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { page } from '../../ui/layout.ts';
import { action, done, empty, heading } from '../../ui/parts.ts';
import type { Visit } from '../../visit.ts';
import type { Web } from '../../web.ts';
import { doneText } from '../done.ts';
import { endSessionsForm } from '../end-sessions.ts';
import { sessionTable } from '../session-table.ts';
import { whyNoChange } from './guard.ts';

interface Data {
  readonly visit: Visit;
  readonly search: string;
  readonly uid: string | null;
  readonly cursor: string | null;
  readonly sessions: readonly ListedSession[];
  readonly hasNext: boolean;
  readonly total: number;
  readonly whyNot: string | null;
  readonly done: string | null;
  readonly now: Date;
}

const PATH = '/admin/sessions';
const SIZE = 200;

/** `/admin/sessions`: who is connected now, through any gateway, and how to end that. */
export function sessionsScreen(routes: Hono<HttpEnv>, web: Web): void {
  routes.get(PATH, async (c) => {
    const data = await load(web, c.get('visit'), new Form(new URL(c.req.url).searchParams));
    return page(c, web, { title: 'Live sessions', at: PATH, body: view(data) });
  });
}

async function load(web: Web, visit: Visit, query: Form): Promise<Data> {
  const { oversight, clock } = web.deps;
  const search = query.text('q').slice(0, 200);
  const uid = isUuid(query.text('uid')) ? query.text('uid') : null;
  const cursor = query.optional('before');
  const before = placeOf(cursor);
  const wanted = { ...(search === '' ? {} : { search }), ...(uid === null ? {} : { uid }) };
  const found = await oversight.sessions(visit.caller, {
    ...wanted,
    ...(before === null ? {} : { before }),
    limit: SIZE + 1,
  });
  return {
    visit,
    search,
    uid,
    cursor: before === null ? null : cursor,
    sessions: found.slice(0, SIZE),
    hasNext: found.length > SIZE,
    total: await oversight.countSessions(visit.caller, wanted),
    whyNot: await whyNoChange(web, visit, 'manage_all'),
    done: doneText(query),
    now: clock.now(),
  };
}

/** Behind which session the page begins: its start in milliseconds, and its id. */
function placeOf(cursor: string | null): NonNullable<SessionQuery['before']> | null {
  const [, ms = '', sid = ''] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(cursor ?? '') ?? [];
  return isUuid(sid) ? { startedAt: new Date(Number(ms)), sid } : null;
}

function view(data: Data): Html {
  const { search, uid, sessions } = data;
  const at = (more: Record<string, string | null>) => link(PATH, { q: search, uid, ...more });
  const last = sessions.at(-1);
  return html`${heading('Live sessions', { intro: 'Who is connected now, through any gateway. May be a second behind.' })}
  ${done(data.done)}
  ${filters({
    path: PATH,
    kept: { uid },
    search: {
      value: search,
      label: 'Search sessions',
      placeholder: 'User, application, address, database, role or token',
    },
    actions:
      uid === null
        ? NOTHING
        : action({ href: link(PATH, { q: search }), text: 'Show everyone’s', kind: 'quiet' }),
  })}
  ${
    last === undefined
      ? empty(search === '' && uid === null ? 'Nobody is connected.' : 'No session is like that.')
      : html`${sessionTable({ caption: 'Live sessions', sessions, now: data.now, owners: true })}
        ${ending(data, at({ before: data.cursor }))}
        ${cursorPager({
          shown: sessions.length,
          total: data.total,
          what: 'sessions',
          first: data.cursor === null ? null : at({}),
          next: data.hasNext ? at({ before: `${last.startedAt.getTime()}.${last.sid}` }) : null,
        })}`
  }`;
}

function ending({ visit, whyNot }: Data, here: string): Html {
  if (whyNot === null) return endSessionsForm(visit, here);
  return html`<p>${action({ href: PATH, text: 'End selected…', disabledBecause: whyNot })}</p>`;
}
