import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { describeError } from '../../core/errors.ts';
import type { Store } from '../../store/store.ts';
import { configOf } from '../config-flags.ts';
import { EXIT, exitCodeOf, NegativeAnswer, type ExitCode } from '../failure.ts';
import { addLeaf } from '../leaf.ts';
import { columnsOf } from '../output/columns.ts';
import { printList, type OutputOptions } from '../output/print.ts';
import { withStore, type Surroundings } from '../store.ts';
import { printable, type Terminal } from '../terminal.ts';

interface Finding {
  readonly what: string;
  readonly verdict: 'ok' | 'note' | 'FAILED';
  readonly text: string;
  readonly exitCode: ExitCode;
}

const COLUMNS = columnsOf<Finding>('what', 'verdict', 'text', 'exitCode');

export function addCheck(program: Command, terminal: Terminal): void {
  const command = addLeaf(program, {
    name: 'check',
    description:
      'Reads the configuration and tries everything that it names: certificate, store, engines. One line each; the exit code is that of the first failure.',
    configFlags: 'all',
    hasOutput: true,
    examples: ['patgate check', 'patgate check --config /etc/patgate/patgate.toml', 'patgate check -o json'],
  });
  command.action(async ({ output }: OutputOptions) => {
    const { config } = configOf(command, terminal);
    const findings: Finding[] = [];
    for await (const finding of checkAll(command, terminal, config)) {
      findings.push(finding);
      if (output !== 'table') continue;
      terminal.stdout.write(`${finding.what}: ${finding.verdict}: ${printable(finding.text)}\n`);
    }
    if (output !== 'table') printList(terminal, output, findings, COLUMNS);
    const failure = findings.find(({ verdict }) => verdict === 'FAILED');
    if (failure !== undefined) throw new NegativeAnswer(failure.exitCode);
  });
}

async function* checkAll(command: Command, terminal: Terminal, config: Config): AsyncGenerator<Finding> {
  const { checkEngine, checkTls, engineOptions } = await import('../../main/check.ts');
  yield ok('config', 'every setting makes sense');
  yield await tried('tls', async () => {
    if (config.tls.mode === 'off') return ok('tls', 'off: clients without SCRAM can not log in');
    const { state, text } = await checkTls(config, new Date());
    if (state === 'expired') return { what: 'tls', verdict: 'FAILED', text, exitCode: EXIT.failed };
    return { what: 'tls', verdict: state === 'soon' ? 'note' : 'ok', text, exitCode: EXIT.ok };
  });
  yield await tried('store', () => withStore(command, terminal, checkStore));
  for (const engine of engineOptions(config, null)) {
    const what = `engine ${engine.name}`;
    yield await tried(what, async () => ok(what, await checkEngine(engine)));
  }
  if (config.engines.size === 0) yield ok('engine', 'the embedded demo');
}

async function checkStore(store: Store, { embedded }: Surroundings): Promise<Finding> {
  await store.ping();
  const where = embedded === null ? 'reachable' : 'embedded';
  const pending = await store.pendingMigrations();
  if (pending.length === 0) return ok('store', `${where}, schema up to date`);
  const text = `${where}; the schema lacks ${pending.join(', ')}: \`patgate migrate\` adds that`;
  return { what: 'store', verdict: 'note', text, exitCode: EXIT.ok };
}

function ok(what: string, text: string): Finding {
  return { what, verdict: 'ok', text, exitCode: EXIT.ok };
}

async function tried(what: string, check: () => Promise<Finding>): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    return { what, verdict: 'FAILED', text: describeError(error), exitCode: exitCodeOf(error) };
  }
}
