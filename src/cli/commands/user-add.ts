import { Option, type Command } from 'commander';
import { PRIVILEGES, type Privilege } from '../../accounts/actor.ts';
import type { NewUser } from '../../accounts/service.ts';
import { defined } from '../../core/defined.ts';
import { collect, severalOf } from '../arguments.ts';
import { addLeaf } from '../leaf.ts';
import { printOne, type OutputOptions } from '../output/print.ts';
import { USER_COLUMNS } from '../output/views.ts';
import { getUser } from '../references.ts';
import { readNewPassword } from '../secret-input.ts';
import { withServices } from '../services.ts';
import type { Terminal } from '../terminal.ts';

interface AddOptions extends OutputOptions {
  readonly email?: string;
  readonly displayName?: string;
  readonly service?: true;
  readonly applicationId?: string;
  readonly engineRole?: string;
  readonly defaultDatabase?: string;
  readonly database?: readonly string[];
  readonly network?: readonly string[];
  readonly grant?: readonly Privilege[];
  readonly group?: readonly string[];
  readonly passwordStdin?: true;
  readonly password: boolean;
}

export function addUserAdd(user: Command, terminal: Terminal): void {
  const command = addLeaf(user, {
    name: 'add',
    description: 'Adds a user. The password is asked for on the terminal, or read from standard input.',
    hasOutput: true,
    examples: [
      'patgate user add ada --email ada@example.com',
      'pass show ada | patgate user add ada --password-stdin --engine-role analyst',
      'patgate user add etl --service --engine-role loader',
    ],
  });
  command
    .argument('<name>', 'user name for logging in')
    .option('--email <address>', 'can be used in place of the name at login')
    .option('--display-name <text>', 'name as people write it')
    .option('--service', 'a service principal: logs in by tokens that others make for it')
    .option('--application-id <uuid>', 'application id of a service principal; made up when left out')
    .option('--engine-role <role>', 'role on the engine, with engine.identity = role')
    .option('--default-database <name>', 'database when a client names none')
    .option('--database <name>', 'database that may be reached; any when left out (may be repeated)', collect)
    .option(
      '--network <cidr>',
      'where they may log in from; anywhere when left out (may be repeated)',
      collect,
    )
    .addOption(severalOf('--grant <privilege>', 'privilege to hold', PRIVILEGES))
    .option('--group <name>', 'group to be a member of (may be repeated)', collect)
    .option('--password-stdin', 'read the password from standard input')
    .addOption(new Option('--no-password', 'no password: logs in by token only').conflicts('passwordStdin'))
    .action((name: string, options: AddOptions) =>
      withServices(command, terminal, async (services) => {
        const { actor, accounts } = services;
        const { uid } = await accounts.addUser(actor, await newUser(terminal, name, options));
        for (const group of options.group ?? []) await accounts.addMember(actor, group, name);
        for (const each of options.grant ?? []) await accounts.grant(actor, each, { kind: 'user', name });
        printOne(terminal, options.output, await getUser(services, uid), USER_COLUMNS);
      }),
    );
}

async function newUser(terminal: Terminal, name: string, options: AddOptions): Promise<NewUser> {
  const { email, displayName, applicationId, engineRole, defaultDatabase, database, network } = options;
  const isService = options.service === true;
  const fromStdin = options.passwordStdin === true;
  const withPassword = options.password && (fromStdin || !isService);
  const password = withPassword ? await readNewPassword(terminal, fromStdin, name) : undefined;
  return {
    name,
    kind: isService ? 'service' : 'person',
    ...defined({ email, displayName, applicationId, engineRole, defaultDatabase, password }),
    ...defined({ databases: database, networks: network }),
  };
}
