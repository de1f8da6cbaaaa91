import { Option, type Command } from 'commander';
import { PRIVILEGES, type Privilege } from '../../accounts/actor.ts';
import type { UserPatch } from '../../accounts/service.ts';
import { collect, severalOf } from '../arguments.ts';
import { UsageError } from '../failure.ts';
import { addLeaf } from '../leaf.ts';
import { printOne, type OutputOptions } from '../output/print.ts';
import { USER_COLUMNS } from '../output/views.ts';
import { getUser } from '../references.ts';
import { readNewPassword } from '../secret-input.ts';
import { withServices, type Services } from '../services.ts';
import type { Terminal } from '../terminal.ts';

/** `false` where the form `--no-…` was given: the value is taken away. */
interface SetOptions extends OutputOptions {
  readonly email?: string | false;
  readonly displayName?: string | false;
  readonly engineRole?: string | false;
  readonly defaultDatabase?: string | false;
  readonly database?: readonly string[];
  readonly anyDatabase?: true;
  readonly network?: readonly string[];
  readonly anyNetwork?: true;
  readonly grant?: readonly Privilege[];
  readonly ungrant?: readonly Privilege[];
  readonly addGroup?: readonly string[];
  readonly removeGroup?: readonly string[];
  readonly password?: true;
  readonly passwordStdin?: true;
}

export function addUserSet(user: Command, terminal: Terminal): void {
  const command = addLeaf(user, {
    name: 'set',
    description: 'Changes what is given, and leaves the rest as it is.',
    hasOutput: true,
    examples: [
      'patgate user set ada --grant manage_all',
      'patgate user set ada --engine-role analyst --default-database sales',
      'patgate user set ada --password',
      'patgate user set ada --network 10.0.0.0/8 --network 2001:db8::/32',
      'patgate user set ada --no-email --remove-group interns',
    ],
  });
  withNullable(command, 'email', 'address', 'e-mail, for logging in');
  withNullable(command, 'display-name', 'text', 'name as people write it');
  withNullable(command, 'engine-role', 'role', 'role on the engine');
  withNullable(command, 'default-database', 'name', 'database when a client names none');
  command
    .argument('<user>', 'name, e-mail or uid')
    .option('--database <name>', 'the only database that may be reached (may be repeated)', collect)
    .addOption(new Option('--any-database', 'any database may be reached').conflicts('database'))
    .option('--network <cidr>', 'the only network that they may log in from (may be repeated)', collect)
    .addOption(new Option('--any-network', 'they may log in from anywhere').conflicts('network'))
    .addOption(severalOf('--grant <privilege>', 'privilege to give', PRIVILEGES))
    .addOption(severalOf('--ungrant <privilege>', 'privilege to take away', PRIVILEGES))
    .option('--add-group <name>', 'group to join (may be repeated)', collect)
    .option('--remove-group <name>', 'group to leave (may be repeated)', collect)
    .option('--password', 'ask for a new password on the terminal')
    .option('--password-stdin', 'read a new password from standard input')
    .action((name: string, options: SetOptions) => {
      if (!changesAnything(options)) {
        throw new UsageError('nothing to change: see `patgate user set --help`');
      }
      return withServices(command, terminal, async (services) => {
        const { uid } = await getUser(services, name);
        await setUser(services, terminal, uid, options);
        printOne(terminal, options.output, await getUser(services, uid), USER_COLUMNS);
      });
    });
}

function withNullable(command: Command, name: string, syntax: string, help: string): void {
  command.option(`--${name} <${syntax}>`, help).option(`--no-${name}`, 'take it away');
}

async function setUser(
  services: Services,
  terminal: Terminal,
  uid: string,
  options: SetOptions,
): Promise<void> {
  const { accounts, actor } = services;
  const patch = patchOf(options);
  const { name } =
    Object.keys(patch).length > 0
      ? await accounts.setUser(actor, uid, patch)
      : await accounts.getUser(actor, { uid });
  const fromStdin = options.passwordStdin === true;
  if (fromStdin || options.password === true) {
    await accounts.setPassword(actor, uid, await readNewPassword(terminal, fromStdin, name));
  }
  for (const group of options.addGroup ?? []) await accounts.addMember(actor, group, name);
  for (const group of options.removeGroup ?? []) await accounts.removeMember(actor, group, name);
  for (const each of options.grant ?? []) await accounts.grant(actor, each, { kind: 'user', name });
  for (const each of options.ungrant ?? []) await accounts.ungrant(actor, each, { kind: 'user', name });
}

function changesAnything(options: SetOptions): boolean {
  const { grant, ungrant, addGroup, removeGroup, password, passwordStdin } = options;
  const others = [grant, ungrant, addGroup, removeGroup, password, passwordStdin];
  return Object.keys(patchOf(options)).length > 0 || others.some((value) => value !== undefined);
}

function patchOf(options: SetOptions): UserPatch {
  const databases = options.anyDatabase === true ? false : options.database;
  const networks = options.anyNetwork === true ? false : options.network;
  const { email, displayName, engineRole, defaultDatabase } = options;
  const given = Object.entries({ email, displayName, engineRole, defaultDatabase, databases, networks })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, value === false ? null : value] as const);
  return Object.fromEntries(given);
}
