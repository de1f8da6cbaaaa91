import { Option, type Command } from 'commander';
import type { TokenSort, TokenView, ListQuery } from '../../tokens/views.ts';
import { defined } from '../../core/defined.ts';
import { countArgument, severalOf } from '../arguments.ts';
import { addLeaf } from '../leaf.ts';
import { printList, printOne, type OutputOptions } from '../output/print.ts';
import { TOKEN_COLUMNS } from '../output/views.ts';
import { allPages } from '../pages.ts';
import { getUser, tokenId } from '../references.ts';
import { withServices, type Services } from '../services.ts';
import type { Terminal } from '../terminal.ts';
import { addTokenCreate, addTokenRotate } from './token-issue.ts';
import { addTokenRevoke } from './token-revoke.ts';

export function addTokenCommands(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('Personal access tokens.');
  addTokenCreate(token, terminal);
  addList(token, terminal);
  addShow(token, terminal);
  addTokenRotate(token, terminal);
  addTokenRevoke(token, terminal);
}

const STATES: readonly TokenView['state'][] = [
  'live',
  'revoked',
  'expired',
  'owner_disabled',
  'no_privilege',
  'tokens_off',
];
const QUICK_FILTERS: readonly NonNullable<ListQuery['quick']>[] = [
  'inactive_owners',
  'no_expiry',
  'unused',
  'expiring_soon',
];
const SORTS: readonly TokenSort[] = ['createdAt', 'expiresAt', 'lastUsedAt', 'label', 'owner'];

interface ListOptions extends OutputOptions {
  readonly user?: string;
  readonly all?: true;
  readonly state?: NonNullable<ListQuery['states']>;
  readonly quick?: NonNullable<ListQuery['quick']>;
  readonly search?: string;
  readonly sort?: TokenSort;
  readonly ascending?: true;
  readonly limit?: number;
}

function addList(token: Command, terminal: Terminal): void {
  const command = addLeaf(token, {
    name: 'list',
    description:
      'Lists tokens: everyone’s live ones; with --user all of one user, with --all all of everyone, in whatever state.',
    hasOutput: true,
    examples: [
      'patgate token list --user ada',
      'patgate token list --all --state revoked -o json',
      'patgate token list --quick expiring_soon --sort expiresAt --ascending',
      'patgate token list --all -o csv > tokens.csv',
    ],
  });
  command
    .option('--user <user>', 'owner: name, e-mail or uid')
    .option('--all', 'in whatever state')
    .addOption(severalOf('--state <state>', 'only in this state', STATES))
    .addOption(new Option('--quick <filter>', 'ready-made filter').choices(QUICK_FILTERS))
    .option('--search <text>', 'part of the label, description or owner’s name, or beginning of the prefix')
    .addOption(new Option('--sort <property>', 'order; newest first when left out').choices(SORTS))
    .option('--ascending', 'smallest, or oldest, first')
    .option('--limit <count>', 'list no more than so many', countArgument)
    .action((options: ListOptions) =>
      withServices(command, terminal, async (services) => {
        const query = await queryOf(services, options);
        const { actor, tokens } = services;
        const rows = await allPages((page) => tokens.list(actor, { ...query, ...page }), options.limit);
        printList(terminal, options.output, rows, TOKEN_COLUMNS);
      }),
    );
}

async function queryOf(services: Services, options: ListOptions): Promise<ListQuery> {
  const { user, all, quick, search, sort } = options;
  const owner = user === undefined ? undefined : (await getUser(services, user)).uid;
  const onlyLive = user === undefined && all !== true && quick === undefined;
  const states = options.state ?? (onlyLive ? (['live'] as const) : undefined);
  const direction = options.ascending === true ? 'asc' : undefined;
  return defined({ owner, states, quick, search, sort, direction } as const);
}

function addShow(token: Command, terminal: Terminal): void {
  const command = addLeaf(token, {
    name: 'show',
    description: 'Shows one token: all but the secret, which nobody has any more.',
    hasOutput: true,
    examples: ['patgate token show 0198c4f2-6f2e-7d11-b0ab-2f60f1f7a9d3 -o json'],
  });
  command.argument('<tid>', 'id of the token').action((id: string, options: OutputOptions) =>
    withServices(command, terminal, async ({ actor, tokens }) => {
      printOne(terminal, options.output, await tokens.get(actor, tokenId(id)), TOKEN_COLUMNS);
    }),
  );
}
