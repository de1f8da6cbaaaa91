import { Command } from 'commander';
import { packageVersion } from '../core/package-version.ts';
import { addConfigFlags, addEngineFlags } from './config-flags.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addCheck } from './commands/check.ts';
import { addExplain } from './commands/explain.ts';
import { addGroupCommands } from './commands/group.ts';
import { addHealthcheck } from './commands/healthcheck.ts';
import { addMigrate } from './commands/migrate.ts';
import { addPolicyCommands } from './commands/policy.ts';
import { addServe } from './commands/serve.ts';
import { addSessionCommands } from './commands/session.ts';
import { addTokenCommands } from './commands/token.ts';
import { addUserCommands } from './commands/user.ts';
import { EXIT_CODES } from './failure.ts';
import type { Terminal } from './terminal.ts';

const EPILOGUE = `
Data go to standard output, messages to standard error. Secrets are never arguments.
Exit codes:
${Object.entries(EXIT_CODES)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n')}`;

/**
 * The whole command line.
 * @param argv without node and script; looked at for flags of engines, whose names are the operator's own
 */
export function buildProgram(terminal: Terminal, argv: readonly string[]): Command {
  const program = new Command('patgate')
    .description('A PostgreSQL front door with personal access tokens.')
    .version(packageVersion(), '-V, --version')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'patgate: ')),
    })
    .addHelpText('after', EPILOGUE);
  addConfigFlags(program, 'none');
  addServe(program, terminal);
  addMigrate(program, terminal);
  addUserCommands(program, terminal);
  addGroupCommands(program, terminal);
  addTokenCommands(program, terminal);
  addPolicyCommands(program, terminal);
  addSessionCommands(program, terminal);
  addAuditCommands(program, terminal);
  addExplain(program, terminal);
  addCheck(program, terminal);
  addHealthcheck(program, terminal);
  for (const command of allCommands(program)) addEngineFlags(command, argv);
  return program;
}

/** A command and everything below it. */
export function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
