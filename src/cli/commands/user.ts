import { Option, type Command } from 'commander';
import type { Actor } from '../../accounts/actor.ts';
import type { AccountService, UserQuery } from '../../accounts/service.ts';
import type { UserView } from '../../accounts/views.ts';
import { defined } from '../../core/defined.ts';
import { severalOf } from '../arguments.ts';
import { addLeaf } from '../leaf.ts';
import { allPages } from '../pages.ts';
import { printList, printOne, type OutputOptions } from '../output/print.ts';
import { USER_COLUMNS } from '../output/views.ts';
import { getUser } from '../references.ts';
import { withServices } from '../services.ts';
import { say, type Terminal } from '../terminal.ts';
import { addUserAdd } from './user-add.ts';
import { addUserSet } from './user-set.ts';

export function addUserCommands(program: Command, terminal: Terminal): void {
  const user = program.command('user').description('Users and service principals.');
  addUserAdd(user, terminal);
  addList(user, terminal);
  addShow(user, terminal);
  addUserSet(user, terminal);
  addStateChange(user, terminal, {
    name: 'disable',
    done: 'disabled',
    description: 'Keeps users out and ends their sessions, until they are enabled again.',
    change: (accounts, actor, uid) => accounts.disableUser(actor, uid),
  });
  addStateChange(user, terminal, {
    name: 'enable',
    done: 'enabled',
    description: 'Lets disabled users in again, with everything they had.',
    change: (accounts, actor, uid) => accounts.enableUser(actor, uid),
  });
  addStateChange(user, terminal, {
    name: 'remove',
    done: 'removed',
    description: 'Removes users for good. Their tokens stop working; audit and token lists still know them.',
    change: (accounts, actor, uid) => accounts.removeUser(actor, uid),
  });
}

interface ListOptions extends OutputOptions {
  readonly search?: string;
  readonly kind?: NonNullable<UserQuery['kind']>;
  readonly state?: NonNullable<UserQuery['states']>;
}

function addList(user: Command, terminal: Terminal): void {
  const command = addLeaf(user, {
    name: 'list',
    description: 'Lists users, but not removed ones.',
    hasOutput: true,
    examples: [
      'patgate user list',
      'patgate user list --state disabled -o json',
      'patgate user list -o csv > users.csv',
    ],
  });
  command
    .option('--search <text>', 'part of the name, e-mail or display name')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(['person', 'service']))
    .addOption(severalOf('--state <state>', 'only in this state', ['active', 'disabled', 'removed']))
    .action((options: ListOptions) =>
      withServices(command, terminal, async ({ actor, accounts }) => {
        const { search, kind, state: states } = options;
        const query = defined({ search, kind, states });
        const users = await allPages((page) => accounts.listUsers(actor, { ...query, ...page }));
        printList(terminal, options.output, users, USER_COLUMNS);
      }),
    );
}

function addShow(user: Command, terminal: Terminal): void {
  const command = addLeaf(user, {
    name: 'show',
    description: 'Shows one user.',
    hasOutput: true,
    examples: ['patgate user show ada', 'patgate user show ada@example.com -o json'],
  });
  command.argument('<user>', 'name, e-mail or uid').action((name: string, options: OutputOptions) =>
    withServices(command, terminal, async (services) => {
      printOne(terminal, options.output, await getUser(services, name), USER_COLUMNS);
    }),
  );
}

interface StateChange {
  readonly name: string;
  readonly done: string;
  readonly description: string;
  readonly change: (accounts: AccountService, actor: Actor, uid: string) => Promise<UserView>;
}

function addStateChange(
  user: Command,
  terminal: Terminal,
  { name, done, description, change }: StateChange,
): void {
  const command = addLeaf(user, { name, description, examples: [`patgate user ${name} ada`] });
  command.argument('<users...>', 'names, e-mails or uids').action((names: readonly string[]) =>
    withServices(command, terminal, async (services) => {
      const users: UserView[] = [];
      for (const each of names) users.push(await getUser(services, each));
      for (const { uid, name: userName } of users) {
        await change(services.accounts, services.actor, uid);
        say(terminal, `${done} ${userName}`);
      }
    }),
  );
}
