/**
 * Writes what is generated of docs/. With `--check` it writes nothing, and its exit code is 1 when a page is not up to date.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unreadable } from '../config/value-types.ts';
import { commandsPage } from './docs/commands.ts';
import { configurationPage } from './docs/configuration.ts';
import { errorsPage } from './docs/errors.ts';
import { buildProgram } from './program.ts';
import { processTerminal, say } from './terminal.ts';

const folder = fileURLToPath(new URL('../../docs/', import.meta.url));
const terminal = processTerminal();
const pages: Readonly<Record<string, string>> = {
  'cli.md': commandsPage(buildProgram(terminal, [])),
  'configuration.md': configurationPage(),
  'errors.md': errorsPage(),
};

const isCheck = process.argv.includes('--check');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(pages)) {
  const file = `${folder}${name}`;
  if (unreadable(file) === null && readFileSync(file, 'utf8') === text) continue;
  if (isCheck) {
    say(terminal, `docs/${name} is not up to date: run \`npm run docs\``);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
    say(terminal, `wrote docs/${name}`);
  }
}
