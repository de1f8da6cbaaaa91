import type { Command } from 'commander';
import type { SessionQuery } from '../../store/live-sessions.ts';
import { defined } from '../../core/defined.ts';
import { countArgument } from '../arguments.ts';
import { UsageError } from '../failure.ts';
import { addLeaf } from '../leaf.ts';
import { printList, type OutputOptions } from '../output/print.ts';
import { SESSION_COLUMNS } from '../output/views.ts';
import { getUser, tokenId } from '../references.ts';
import { withServices, type Services } from '../services.ts';
import { say, type Terminal } from '../terminal.ts';

const MOST_SESSIONS = 10_000;

export function addSessionCommands(program: Command, terminal: Terminal): void {
  const session = program.command('session').description('Running sessions, of all processes and replicas.');
  addList(session, terminal);
  addKill(session, terminal);
}

interface Selection {
  readonly user?: string;
  readonly token?: string;
}

async function queryOf(services: Services, { user, token }: Selection): Promise<SessionQuery> {
  const uid = user === undefined ? undefined : (await getUser(services, user)).uid;
  const tid =
    token === undefined ? undefined : (await services.tokens.get(services.actor, tokenId(token))).tid;
  return defined({ uid, tid });
}

interface ListOptions extends OutputOptions, Selection {
  readonly limit: number;
}

function addList(session: Command, terminal: Terminal): void {
  const command = addLeaf(session, {
    name: 'list',
    description: 'Lists running sessions, newest first.',
    hasOutput: true,
    examples: ['patgate session list', 'patgate session list --user ada -o json'],
  });
  command
    .option('--user <user>', 'only of this user: name, e-mail or uid')
    .option('--token <tid>', 'only those that this token opened')
    .option('--limit <count>', 'list no more than so many', countArgument, MOST_SESSIONS)
    .action((options: ListOptions) =>
      withServices(command, terminal, async (services) => {
        const query = { ...(await queryOf(services, options)), limit: options.limit };
        const sessions = await services.oversight.sessions(services.actor, query);
        printList(terminal, options.output, sessions, SESSION_COLUMNS);
      }),
    );
}

interface KillOptions extends Selection {
  readonly reason?: string;
}

function addKill(session: Command, terminal: Terminal): void {
  const command = addLeaf(session, {
    name: 'kill',
    description: 'Ends sessions, wherever they run. A running statement is cancelled first.',
    examples: [
      'patgate session kill 5f0c8d3e-2f2b-4a53-8a0f-0f3b1f1d9c11 --reason "blocks the nightly load"',
      'patgate session kill --user ada',
    ],
  });
  command
    .argument('[sids...]', 'ids of sessions')
    .option('--user <user>', 'all sessions of this user: name, e-mail or uid')
    .option('--token <tid>', 'all sessions that this token opened')
    .option('--reason <text>', 'shown to the client, and kept in the audit')
    .action((sids: readonly string[], options: KillOptions) => {
      const isSelection = options.user !== undefined || options.token !== undefined;
      if (sids.length > 0 === isSelection) {
        throw new UsageError('name sessions by their ids, or by --user or --token');
      }
      return withServices(command, terminal, async (services) => {
        const targets = isSelection ? await selected(services, options) : sids;
        if (targets.length > 0) {
          await services.oversight.killSessions(services.actor, targets, options.reason);
        }
        say(terminal, `told ${targets.length} ${targets.length === 1 ? 'session' : 'sessions'} to end`);
      });
    });
}

async function selected(services: Services, selection: Selection): Promise<readonly string[]> {
  const query = { ...(await queryOf(services, selection)), limit: MOST_SESSIONS };
  return (await services.oversight.sessions(services.actor, query)).map(({ sid }) => sid);
}
