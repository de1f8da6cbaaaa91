import type { Command } from 'commander';
import { configOf, rereadConfig } from '../config-flags.ts';
import { addLeaf } from '../leaf.ts';
import type { Terminal } from '../terminal.ts';

export function addServe(program: Command, terminal: Terminal): void {
  const command = addLeaf(program, {
    name: 'serve',
    description:
      'Runs the gateway until it is told to stop. SIGTERM or SIGINT ends sessions in an orderly way, a second one at once; SIGHUP reads the configuration, certificates and engine credentials again.',
    examples: [
      'patgate serve',
      'patgate serve --config /etc/patgate/patgate.toml --ready-file /run/patgate/ready.json',
      'PATGATE_ENGINE_URL=postgres://gateway@db.example.com/sales patgate serve --listen-postgres 0.0.0.0:5432',
    ],
    configFlags: 'all',
  });
  command.option(
    '--ready-file <file>',
    'write addresses and, with the demo engine, credentials there once ready',
  );
  command.action(async (options: { readyFile?: string }) => {
    const { config } = configOf(command, terminal);
    const { begin } = await import('../../main/begin.ts');
    const begun = begin(config);
    // Other commands end when nobody takes their output; sessions do not end because nobody takes the recipes.
    terminal.stdout.removeAllListeners('error').on('error', (error) => {
      begun.opened.log.warn({ reason: error.message }, 'the recipes could not be printed');
    });
    // With all that it stands on, too much to load for any other command.
    const { runUntilStopped } = await import('../../main/run-until-stopped.ts');
    await runUntilStopped(config, {
      ...begun,
      readyFile: options.readyFile ?? null,
      announce: (text) => terminal.stdout.write(text),
      reread: () => rereadConfig(command, terminal),
    });
  });
}
