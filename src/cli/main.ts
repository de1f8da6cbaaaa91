#!/usr/bin/env node
import { buildProgram } from './program.ts';
import { exitCodeOf, linesOf } from './failure.ts';
import { processTerminal, say } from './terminal.ts';

const terminal = processTerminal();

// A reader that has seen enough, such as `head`, is no failure.
terminal.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  await buildProgram(terminal, process.argv.slice(2)).parseAsync(process.argv);
} catch (error) {
  for (const line of linesOf(error)) say(terminal, `patgate: ${line}`);
  process.exitCode = exitCodeOf(error);
}
