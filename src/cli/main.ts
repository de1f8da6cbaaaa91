#!/usr/bin/env node
import { runCommandLine } from './run.ts';
import { processTerminal } from './terminal.ts';

const terminal = processTerminal();

// A reader that has seen enough, such as `head`, is no failure.
terminal.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

// What cannot be told to anybody is no reason to stop.
terminal.stderr.on('error', () => undefined);

process.exitCode = await runCommandLine(terminal, process.argv.slice(2));
