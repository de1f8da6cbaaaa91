import { demandPrivilege } from '../../accounts/permission.ts';
import type { UserView } from '../../accounts/views.ts';
import type { ListedSession } from '../../store/live-sessions.ts';
import type { Actor } from '../../accounts/actor.ts';
import { columnsOf, rowOf, SHOWN, table, type Execution, type Plan, type View } from '../plan.ts';
import type { Whose } from '../sql/statement.ts';
import { callerOf, uidOf } from './caller.ts';
import { TOKENS } from './token-plans.ts';

const SESSIONS: View<ListedSession> = [
  { name: 'sid', type: 'uuid', of: ({ sid }) => sid },
  { name: 'user', type: 'text', of: ({ user }) => user },
  { name: 'token', type: 'text', of: ({ label }) => label },
  { name: 'tid', type: 'uuid', of: ({ tid }) => tid },
  { name: 'method', type: 'text', of: ({ mechanism }) => mechanism },
  { name: 'database', type: 'text', of: ({ database }) => database },
  { name: 'engine', type: 'text', of: ({ engine }) => engine },
  { name: 'role', type: 'text', of: ({ role }) => role },
  { name: 'engine_pid', type: 'int8', of: ({ engineProcessId }) => engineProcessId },
  { name: 'address', type: 'text', of: ({ address }) => address },
  { name: 'application', type: 'text', of: ({ application }) => application },
  { name: 'tls', type: 'text', of: ({ tls }) => tls },
  { name: 'started_at', type: 'timestamptz', of: ({ startedAt }) => startedAt },
  { name: 'host', type: 'text', of: ({ host }) => host },
  { name: 'host_pid', type: 'int8', of: ({ processId }) => processId },
];

const USERS: View<UserView> = [
  { name: 'uid', type: 'uuid', of: ({ uid }) => uid },
  { name: 'name', type: 'text', of: ({ name }) => name },
  { name: 'email', type: 'text', of: ({ email }) => email },
  { name: 'kind', type: 'text', of: ({ kind }) => kind },
  { name: 'state', type: 'text', of: ({ state }) => state },
  { name: 'privileges', type: 'text[]', of: ({ privileges }) => privileges },
  { name: 'groups', type: 'text[]', of: ({ groups }) => groups },
  { name: 'engine_role', type: 'text', of: ({ engineRole }) => engineRole },
  { name: 'default_database', type: 'text', of: ({ defaultDatabase }) => defaultDatabase },
  { name: 'databases', type: 'text[]', of: ({ databases }) => databases },
  { name: 'networks', type: 'text[]', of: ({ networks }) => networks },
  { name: 'has_password', type: 'bool', of: ({ hasPassword }) => hasPassword },
  { name: 'created_at', type: 'timestamptz', of: ({ createdAt }) => createdAt },
];

/** What the services give at most in one answer. */
const PAGE = 1000;
const MOST_SESSIONS = 10_000;

/** Page by page, so that a slow reader of a long list makes the gateway hold one page. */
export function tokensPlan(whose: Whose): Plan {
  return {
    columns: columnsOf(TOKENS),
    async *run(execution) {
      const caller = await callerOf(execution);
      const owner = await ownerOf(execution, caller, whose);
      let cursor: string | null = null;
      do {
        const limit = Math.min(PAGE, execution.wanted());
        const query = { limit, cursor, ...(owner !== null && { owner }) };
        const page = await execution.deps.tokens.list(caller, query);
        yield page.items.map((token) => rowOf(TOKENS, token));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return SHOWN();
    },
  };
}

export function usersPlan(): Plan {
  return {
    columns: columnsOf(USERS),
    async *run(execution) {
      const caller = await callerOf(execution);
      let cursor: string | null = null;
      do {
        const page = await execution.deps.accounts.listUsers(caller, {
          limit: Math.min(PAGE, execution.wanted()),
          cursor,
        });
        yield page.items.map((user) => rowOf(USERS, user));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return SHOWN();
    },
  };
}

export function sessionsPlan(whose: Whose): Plan {
  return table(columnsOf(SESSIONS), SHOWN, async (execution) => {
    const caller = await callerOf(execution);
    const uid = await ownerOf(execution, caller, whose);
    const query = { limit: MOST_SESSIONS, ...(uid !== null && { uid }) };
    const sessions = await execution.deps.oversight.sessions(caller, query);
    return sessions.map((session) => rowOf(SESSIONS, session));
  });
}

/** @returns null: whatever the service lets the caller see */
async function ownerOf(
  execution: Execution,
  caller: Actor & { readonly uid: string },
  whose: Whose,
): Promise<string | null> {
  switch (whose.kind) {
    case 'visible':
      return null;
    case 'all':
      demandPrivilege(caller, 'manage_all');
      return null;
    case 'own':
      return caller.uid;
    case 'user':
      return uidOf(execution, caller, execution.text(whose.name));
    default:
      return whose satisfies never;
  }
}
