import { isIP } from 'node:net';
import { InvalidArgumentError, type Command } from 'commander';
import type { Engines } from '../../main/engine-options.ts';
import type { Explanation, RuleVerdict } from '../../main/explain/explain-login.ts';
import { NegativeAnswer } from '../failure.ts';
import { addLeaf } from '../leaf.ts';
import { columnsOf } from '../output/columns.ts';
import { printList, type OutputOptions } from '../output/print.ts';
import { tokenId } from '../references.ts';
import { withServices, type Services } from '../services.ts';
import { withEmbedded } from '../store.ts';
import { say, type Terminal } from '../terminal.ts';

interface ExplainOptions extends OutputOptions {
  readonly user: string;
  readonly database?: string;
  readonly from?: string;
  readonly token?: string;
}

const COLUMNS = columnsOf<RuleVerdict>(
  { key: 'by', heading: 'BY', value: ({ by }) => by },
  ['rule', 'RULE'],
  { key: 'passes', heading: 'VERDICT', value: ({ passes }) => (passes ? 'passes' : 'FAILS') },
  ['detail', 'DETAIL'],
);

export function addExplain(program: Command, terminal: Terminal): void {
  const command = addLeaf(program, {
    name: 'explain',
    description:
      'Tells what a login would meet, rule by rule: by password and by each live token, or by one token. No secret is tested. The exit code is 0 when a right secret would open a session, else 1.',
    hasOutput: true,
    examples: [
      'patgate explain --user ada --database sales --from 10.1.2.3',
      "patgate explain --user '$token' --token 0198c4f2-6f2e-7d11-b0ab-2f60f1f7a9d3",
    ],
  });
  command
    .requiredOption('--user <user>', 'start-up user: a name, an e-mail, $token or $token.<tid>')
    .option('--database <name>', 'database that the client asks for')
    .option('--from <address>', 'address that the client connects from', addressArgument)
    .option('--token <tid>', 'this token only')
    .action((options: ExplainOptions) =>
      withServices(command, terminal, async (services) => {
        const { admitted, rules } = await explain(services, options);
        printList(terminal, options.output, rules, COLUMNS);
        say(terminal, admitted ? 'a right secret opens a session' : 'no secret opens a session');
        if (!admitted) throw new NegativeAnswer();
      }),
    );
}

async function explain(services: Services, options: ExplainOptions): Promise<Explanation> {
  const { actor, accounts, tokens, policy, oversight, config } = services;
  const { user, database = null, from: address = null, token } = options;
  const tid = token === undefined ? null : tokenId(token);
  const { explainLogin } = await import('../../main/explain/explain-login.ts');
  const { routingOf } = await import('../../main/routing.ts');
  return explainLogin(
    { user, database, address, tid },
    {
      actor,
      accounts,
      tokens,
      policy,
      sessionsOf: (uid) => oversight.sessions(actor, { uid, limit: 10_000 }),
      ...routingOf(config, await enginesOf(services)),
      method: config.login.method,
      tokenUsers: config.login.tokenUsers,
      maxPerUser: config.sessions.maxPerUser,
    },
  );
}

/** Without engines of its own, the configuration means the embedded one, also beside a store that is not embedded. */
async function enginesOf(services: Services): Promise<Engines> {
  const { config, embedded } = services;
  const { loadEngines } = await import('../../main/engine-options.ts');
  if (config.engines.size > 0 || embedded !== null) return loadEngines(config, embedded);
  return withEmbedded(services, (started) => loadEngines(config, started));
}

function addressArgument(value: string): string {
  if (isIP(value) === 0) throw new InvalidArgumentError('Not an IP address.');
  return value;
}
