import { Option, type Command } from 'commander';
import { formatDuration } from '../../core/duration.ts';
import { RequestError } from '../../core/errors.ts';
import { DEFAULT_POLICY, type Policy, type PolicyPatch } from '../../store/policy.ts';
import { PolicyOutOfBounds } from '../../tokens/policy-rules.ts';
import { ANY, countArgument, durationArgument, networksArgument, switchArgument } from '../arguments.ts';
import { UsageError } from '../failure.ts';
import { addLeaf } from '../leaf.ts';
import type { Column } from '../output/columns.ts';
import { printList, printOne, type Format, type OutputOptions } from '../output/print.ts';
import { POLICY_CHANGE_COLUMNS } from '../output/views.ts';
import { withServices } from '../services.ts';
import type { Terminal } from '../terminal.ts';

interface Rule {
  readonly option: Option;
  /** As it would be written on the command line. */
  show(policy: Policy): string | number;
}

/** Each rule of the policy with its option. */
const RULES: Readonly<Record<keyof Policy, Rule>> = {
  tokensEnabled: onOff('tokens', 'off: no token works, and none is lost', (policy) => policy.tokensEnabled),
  maxLifetimeMs: duration(
    'max-lifetime',
    'longest lifetime of tokens from now on',
    (policy) => policy.maxLifetimeMs,
  ),
  defaultLifetimeMs: duration(
    'default-lifetime',
    'lifetime of tokens that ask for none',
    (policy) => policy.defaultLifetimeMs,
  ),
  neverExpiringAllowed: onOff(
    'never-expiring',
    'whether tokens may have no expiry',
    (policy) => policy.neverExpiringAllowed,
  ),
  revokeUnusedDays: count(
    'revoke-unused-days',
    'revoke tokens unused for so many days; 0: never',
    (policy) => policy.revokeUnusedDays,
  ),
  createAndUse: {
    option: new Option('--create-and-use <who>', 'who may create and use tokens').choices([
      'everyone',
      'granted',
    ]),
    show: (policy) => policy.createAndUse,
  },
  maxLiveTokensPerUser: count(
    'max-tokens-per-user',
    'most live tokens of one user',
    (policy) => policy.maxLiveTokensPerUser,
  ),
  rotationOverlapMs: duration(
    'rotation-overlap',
    'how long a rotated token lives on',
    (policy) => policy.rotationOverlapMs,
  ),
  expiryNoticeDays: count(
    'expiry-notice-days',
    'notices from so many days before an expiry; 0: none',
    (policy) => policy.expiryNoticeDays,
  ),
  auditRetentionDays: count(
    'audit-retention-days',
    'prune audit rows after so many days; 0: never',
    (policy) => policy.auditRetentionDays,
  ),
  networks: {
    option: new Option(
      '--networks <cidr,...|any>',
      'where anybody may log in from: addresses and networks, or any',
    ).argParser(networksArgument),
    show: ({ networks }) => networks?.join(',') ?? ANY,
  },
};
const RULE_NAMES = Object.keys(RULES) as readonly (keyof Policy)[];

function onOff(name: string, help: string, pick: (policy: Policy) => boolean): Rule {
  const option = new Option(`--${name} <on|off>`, help).argParser(switchArgument);
  return { option, show: (policy) => (pick(policy) ? 'on' : 'off') };
}

function duration(name: string, help: string, pick: (policy: Policy) => number): Rule {
  const option = new Option(`--${name} <duration>`, help).argParser(durationArgument);
  return { option, show: (policy) => formatDuration(pick(policy)) };
}

function count(name: string, help: string, show: (policy: Policy) => number): Rule {
  return { option: new Option(`--${name} <count>`, help).argParser(countArgument), show };
}

export function addPolicyCommands(program: Command, terminal: Terminal): void {
  const policy = program.command('policy').description('Rules for all tokens.');
  addShow(policy, terminal);
  addSet(policy, terminal);
  addHistory(policy, terminal);
}

/** For people, rules are named and written as in `policy set`; CSV has the properties of JSON. */
function printPolicy(terminal: Terminal, format: Format, policy: Policy): void {
  const columns = RULE_NAMES.map((name): Column<Policy> => {
    if (format === 'csv') return { key: name, heading: null, value: (row) => row[name] };
    return { key: RULES[name].option.name(), heading: null, value: (row) => RULES[name].show(row) };
  });
  printOne(terminal, format, policy, columns);
}

function addShow(policy: Command, terminal: Terminal): void {
  const command = addLeaf(policy, {
    name: 'show',
    description: 'Shows the rules in force.',
    hasOutput: true,
    examples: ['patgate policy show', 'patgate policy show -o json'],
  });
  command.action((options: OutputOptions) =>
    withServices(command, terminal, async (services) => {
      printPolicy(terminal, options.output, await services.policy.get());
    }),
  );
}

function addSet(policy: Command, terminal: Terminal): void {
  const command = addLeaf(policy, {
    name: 'set',
    description:
      'Changes the rules that are given, at once and everywhere. Tokens that exist keep their expiry.',
    hasOutput: true,
    examples: [
      "patgate policy set --max-lifetime '90 days' --revoke-unused-days 30",
      'patgate policy set --tokens off',
    ],
  });
  for (const name of RULE_NAMES) command.addOption(RULES[name].option);
  command.action((options: OutputOptions) => {
    const patch = patchOf(command);
    if (Object.keys(patch).length === 0) {
      throw new UsageError('nothing to change: see `patgate policy set --help`');
    }
    return withServices(command, terminal, async (services) => {
      const set = services.policy.set(services.actor, patch);
      const policy = await set.catch((error: unknown) => {
        throw byOptions(error);
      });
      printPolicy(terminal, options.output, policy);
    });
  });
}

/** A refusal by the service in the words of the command line: options and their values in place of properties. */
function byOptions(error: unknown): unknown {
  if (!(error instanceof RequestError)) return error;
  const flag = (key: keyof Policy): string => `--${RULES[key].option.name()}`;
  if (error instanceof PolicyOutOfBounds) {
    const { key } = error;
    const shown = (value: number) => RULES[key].show({ ...DEFAULT_POLICY, [key]: value });
    return new UsageError(`${flag(key)} must be from ${shown(error.least)} to ${shown(error.most)}`);
  }
  const names = new RegExp(`\\b(${RULE_NAMES.join('|')})\\b`, 'g');
  const message = error.message.replace(names, (name) => flag(name as keyof Policy));
  return new RequestError(error.code, message);
}

function patchOf(command: Command): PolicyPatch {
  const given = RULE_NAMES.map((name) => {
    const value: unknown = command.getOptionValue(RULES[name].option.attributeName());
    return [name, value] as const;
  });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

interface HistoryOptions extends OutputOptions {
  readonly limit: number;
}

function addHistory(policy: Command, terminal: Terminal): void {
  const command = addLeaf(policy, {
    name: 'history',
    description: 'Lists changes of the policy, newest first.',
    hasOutput: true,
    examples: ['patgate policy history --limit 5'],
  });
  command
    .option('--limit <count>', 'list no more than so many', countArgument, 100)
    .action(({ limit, output }: HistoryOptions) =>
      withServices(command, terminal, async ({ actor, policy: policies }) => {
        printList(terminal, output, await policies.history(actor, { limit }), POLICY_CHANGE_COLUMNS);
      }),
    );
}
