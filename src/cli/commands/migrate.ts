import type { Command } from 'commander';
import { addLeaf } from '../leaf.ts';
import { withStore } from '../store.ts';
import { say, type Terminal } from '../terminal.ts';

export function addMigrate(program: Command, terminal: Terminal): void {
  const command = addLeaf(program, {
    name: 'migrate',
    description:
      'Brings the schema of the store up to date. Safe while gateways run, and when several do it at once. Prints the steps taken.',
    examples: ['patgate migrate', 'PATGATE_STORE_URL_FILE=/run/secrets/store patgate migrate'],
  });
  command.action(() =>
    withStore(command, terminal, async (store) => {
      const steps = await store.migrate();
      for (const step of steps) terminal.stdout.write(`${step}\n`);
      say(terminal, steps.length === 0 ? 'the store was up to date' : 'the store is up to date now');
    }),
  );
}
