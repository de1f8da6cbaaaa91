import { InvalidArgumentError, Option, type Command } from 'commander';
import { SCOPES, type Scope } from '../../accounts/actor.ts';
import { parseDuration } from '../../core/duration.ts';
import type { Issued, IssueRequest, Lifetime, RotateRequest } from '../../tokens/service.ts';
import type { TokenView } from '../../tokens/views.ts';
import { defined } from '../../core/defined.ts';
import { collect, countArgument, durationArgument, severalOf } from '../arguments.ts';
import { addLeaf } from '../leaf.ts';
import { columnsOf } from '../output/columns.ts';
import { printOne, type Format } from '../output/print.ts';
import { TOKEN_COLUMNS } from '../output/views.ts';
import { getUser, tokenId } from '../references.ts';
import { withServices } from '../services.ts';
import { say, type Terminal } from '../terminal.ts';

interface CreateOptions {
  readonly user: string;
  readonly label: string;
  readonly description?: string;
  readonly lifetime?: Lifetime;
  readonly role?: string;
  readonly database?: readonly string[];
  readonly network?: readonly string[];
  readonly maxSessions?: number;
  readonly scope?: readonly Scope[];
  readonly idempotencyKey?: string;
  readonly output?: Format;
}

export function addTokenCreate(token: Command, terminal: Terminal): void {
  const command = addLeaf(token, {
    name: 'create',
    description:
      'Creates a token and prints it, alone on standard output. It is never shown again: only its owner’s tools should keep it.',
    examples: [
      'TOKEN=$(patgate token create --user ada --label laptop)',
      "patgate token create --user ada --label tableau --lifetime '90 days' --database sales --network 10.0.0.0/8",
      'patgate token create --user etl --label nightly --lifetime maximum -o json',
    ],
  });
  command
    .requiredOption('--user <user>', 'owner: name, e-mail or uid')
    .requiredOption('--label <text>', 'what it is for, such as the device or tool')
    .option('--description <text>', 'more about it')
    .option('--lifetime <duration>', 'such as 30 days; default, maximum or never', lifetimeArgument)
    .option('--role <role>', 'engine role of its sessions')
    .option('--database <name>', 'database that it may reach; any when left out (may be repeated)', collect)
    .option('--network <cidr>', 'where it may come from; anywhere when left out (may be repeated)', collect)
    .option('--max-sessions <count>', 'most sessions at once', countArgument)
    .addOption(severalOf('--scope <scope>', 'what it may do besides opening sessions', SCOPES))
    .option('--idempotency-key <text>', 'a repeated command with the same key creates nothing')
    .addOption(wholeOutput())
    .action((options: CreateOptions) =>
      withServices(command, terminal, async (services) => {
        const { uid } = await getUser(services, options.user);
        const issued = await services.tokens.issue(services.actor, requestOf(uid, options));
        printIssued(terminal, options.output, issued);
      }),
    );
}

interface RotateOptions {
  readonly overlap?: number;
  readonly lifetime?: Lifetime;
  readonly idempotencyKey?: string;
  readonly output?: Format;
}

export function addTokenRotate(token: Command, terminal: Terminal): void {
  const command = addLeaf(token, {
    name: 'rotate',
    description:
      'Replaces a token by a new one with the same label and limits, and prints that, alone on standard output. The old one lives on for a while.',
    examples: [
      'patgate token rotate 0198c4f2-6f2e-7d11-b0ab-2f60f1f7a9d3',
      'patgate token rotate 0198c4f2-6f2e-7d11-b0ab-2f60f1f7a9d3 --overlap 1h --idempotency-key deploy-42',
    ],
  });
  command
    .argument('<tid>', 'id of the token')
    .option('--overlap <duration>', 'how long the old one lives on; 0s: not at all', durationArgument)
    .option(
      '--lifetime <duration>',
      'of the new one; as long as the old one’s when left out',
      lifetimeArgument,
    )
    .option('--idempotency-key <text>', 'a repeated command with the same key does not rotate again')
    .addOption(wholeOutput())
    .action((id: string, options: RotateOptions) =>
      withServices(command, terminal, async ({ actor, tokens }) => {
        const { overlap: overlapMs, lifetime, idempotencyKey } = options;
        const request: RotateRequest = defined({ overlapMs, lifetime, idempotencyKey });
        printIssued(terminal, options.output, await tokens.rotate(actor, tokenId(id), request));
      }),
    );
}

/** Without it, standard output has the token and nothing else. */
function wholeOutput(): Option {
  return new Option('-o, --output <format>', 'print the token with everything about it').choices([
    'json',
    'csv',
  ]);
}

function lifetimeArgument(value: string): Lifetime {
  if (value === 'default' || value === 'maximum' || value === 'never') return value;
  const ms = parseDuration(value);
  if (ms === null)
    throw new InvalidArgumentError('Neither a duration such as 30 days, nor default, maximum or never.');
  return { ms };
}

function requestOf(owner: string, options: CreateOptions): IssueRequest {
  const { label, description, lifetime, role, maxSessions, idempotencyKey } = options;
  const { database: databases, network: networks, scope: scopes } = options;
  return {
    owner,
    label,
    ...defined({ description, lifetime, role, maxSessions, idempotencyKey, databases, networks, scopes }),
  };
}

type IssuedRow = TokenView & { readonly token: string | null };
const ISSUED_COLUMNS = [...columnsOf<IssuedRow>('token'), ...TOKEN_COLUMNS];

function printIssued(terminal: Terminal, format: Format | undefined, { token, info }: Issued): void {
  const raw = token?.reveal() ?? null;
  if (format !== undefined) {
    printOne<IssuedRow>(terminal, format, { ...info, token: raw }, ISSUED_COLUMNS);
  } else if (raw !== null) {
    terminal.stdout.write(`${raw}\n`);
  }
  const end = info.expiresAt === null ? 'never expires' : `expires at ${info.expiresAt.toISOString()}`;
  say(
    terminal,
    `${raw === null ? 'created before' : 'created'}: ${info.tid} "${info.label}" of ${info.owner}, ${end}`,
  );
  if (raw === null) say(terminal, 'the token itself was shown then, and can not be shown again');
}
