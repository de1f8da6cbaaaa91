import type { Command } from 'commander';
import { PRIVILEGES, type Privilege } from '../../accounts/actor.ts';
import type { Grantee } from '../../accounts/views.ts';
import { collect, severalOf } from '../arguments.ts';
import { addLeaf } from '../leaf.ts';
import { printList, type OutputOptions } from '../output/print.ts';
import { GROUP_COLUMNS, type GroupRow } from '../output/views.ts';
import { withServices, type Services } from '../services.ts';
import { say, type Terminal } from '../terminal.ts';

export function addGroupCommands(program: Command, terminal: Terminal): void {
  const group = program.command('group').description('Groups of users, and what is granted to them.');
  addAdd(group, terminal);
  addList(group, terminal);
  addSet(group, terminal);
  addRemove(group, terminal);
}

function addAdd(group: Command, terminal: Terminal): void {
  const command = addLeaf(group, {
    name: 'add',
    description: 'Adds an empty group.',
    examples: ['patgate group add analysts'],
  });
  command.argument('<name>').action((name: string) =>
    withServices(command, terminal, async ({ actor, accounts }) => {
      await accounts.addGroup(actor, name);
      say(terminal, `added the group ${name}`);
    }),
  );
}

function addList(group: Command, terminal: Terminal): void {
  const command = addLeaf(group, {
    name: 'list',
    description: 'Lists groups with their members and privileges.',
    hasOutput: true,
    examples: ['patgate group list', 'patgate group list -o json'],
  });
  command.action((options: OutputOptions) =>
    withServices(command, terminal, async (services) => {
      printList(terminal, options.output, await groupRows(services), GROUP_COLUMNS);
    }),
  );
}

async function groupRows({ actor, accounts }: Services): Promise<readonly GroupRow[]> {
  const groups = await accounts.listGroups(actor);
  const grants = await accounts.listGrants(actor);
  return groups.map((each) => ({
    ...each,
    privileges: grants.filter(({ granteeId }) => granteeId === each.gid).map(({ privilege }) => privilege),
  }));
}

interface SetOptions {
  readonly addMember?: readonly string[];
  readonly removeMember?: readonly string[];
  readonly grant?: readonly Privilege[];
  readonly ungrant?: readonly Privilege[];
}

function addSet(group: Command, terminal: Terminal): void {
  const command = addLeaf(group, {
    name: 'set',
    description: 'Changes the members and privileges of a group.',
    examples: [
      'patgate group set analysts --add-member ada --add-member grace',
      'patgate group set analysts --grant can_use',
    ],
  });
  command
    .argument('<name>')
    .option('--add-member <user>', 'user to add (may be repeated)', collect)
    .option('--remove-member <user>', 'user to take out (may be repeated)', collect)
    .addOption(severalOf('--grant <privilege>', 'privilege to give', PRIVILEGES))
    .addOption(severalOf('--ungrant <privilege>', 'privilege to take away', PRIVILEGES))
    .action((name: string, options: SetOptions) =>
      withServices(command, terminal, async ({ actor, accounts }) => {
        const grantee: Grantee = { kind: 'group', name };
        for (const user of options.addMember ?? []) await accounts.addMember(actor, name, user);
        for (const user of options.removeMember ?? []) await accounts.removeMember(actor, name, user);
        for (const each of options.grant ?? []) await accounts.grant(actor, each, grantee);
        for (const each of options.ungrant ?? []) await accounts.ungrant(actor, each, grantee);
      }),
    );
}

function addRemove(group: Command, terminal: Terminal): void {
  const command = addLeaf(group, {
    name: 'remove',
    description: 'Removes a group; its members lose what was granted to it.',
    examples: ['patgate group remove analysts'],
  });
  command.argument('<name>').action((name: string) =>
    withServices(command, terminal, async ({ actor, accounts }) => {
      await accounts.removeGroup(actor, name);
      say(terminal, `removed the group ${name}`);
    }),
  );
}
