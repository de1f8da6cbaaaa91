import type { Command, Help } from 'commander';
import { isConfigFlag } from '../config-flags.ts';
import { EXIT_CODES } from '../failure.ts';
import { LeafCommand } from '../leaf.ts';

const INTRODUCTION = `<!-- Made by "npm run docs": change the source, not this page. -->

# Command line

\`patgate COMMAND --help\` says the same, with examples. Every command takes \`--config FILE\` and each setting of
[the configuration](configuration.md) as a flag, before or behind its own options.

- Commands work on the store that \`store.url\` names, whether gateways run or not; without one, on the embedded store in \`data_dir\`,
  which is started for the time of the command if nobody runs it.
- Data go to standard output, messages to standard error. \`-o json\` prints an array of objects for lists and one object otherwise, times
  in ISO-8601 UTC; \`-o csv\` is safe to open in a spreadsheet. \`NO_COLOR\` is honoured.
- A secret is never an argument: it is read from standard input, or asked for on the terminal.
- Whoever can read the store's URL may do everything. The audit has the name of the operating system's user.
`;

/** The whole of docs/cli.md, from the commands themselves. */
export function commandsPage(program: Command): string {
  const exitCodes = Object.entries(EXIT_CODES).map(([code, meaning]) => `| ${code} | ${meaning} |`);
  const table = ['## Exit codes\n', '| Code | Meaning |', '| ---: | --- |', ...exitCodes, ''].join('\n');
  const leaves = program.commands.flatMap((command) => leavesOf(command));
  return [INTRODUCTION, table, ...leaves.map((leaf) => commandText(leaf, program.createHelp()))].join('\n');
}

function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function commandText(command: Command, help: Help): string {
  const options = command.options.filter((option) => !isConfigFlag(option));
  const rows = [
    ...command.registeredArguments.map(
      (argument) => [help.argumentTerm(argument), argument.description] as const,
    ),
    ...options.map((option) => [option.flags, help.optionDescription(option)] as const),
  ];
  const table = rows.map(([term, text]) => `| \`${escaped(term)}\` | ${escaped(text)} |`);
  const usage = help.commandUsage(command).replace(/^patgate\|?\S* /, 'patgate ');
  return [
    `## ${usage.replace(/ \[options\].*$/, '')}\n`,
    `${command.description()}\n`,
    ...(table.length === 0 ? [] : ['| Option | Meaning |', '| --- | --- |', ...table, '']),
    ['```sh', ...(command instanceof LeafCommand ? command.examples : []), '```', ''].join('\n'),
  ].join('\n');
}

/** A bar would end the cell of a table. */
function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}
