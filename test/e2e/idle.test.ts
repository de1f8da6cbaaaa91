import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pass } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeWith } from '../support/clients.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { eventually } from '../support/eventually.ts';

/** What is counted is counted over a time, so this one time has to pass. */
const WINDOW_MS = 3_000;
/** Measured: 8. The metrics' own monitor of the event loop alone was a hundred. */
const MOST_PER_SECOND = 15;

/** How often threads of a process have gone to sleep of their own accord. */
function sleeps(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'))
    .map((status) => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]))
    .reduce((all, some) => all + some, 0);
}

describeWith('linux', 'an idle gateway', () => {
  test('hardly ever wakes up', async () => {
    const gateway = await startGatewayProcess({ 'log.level': 'info' });
    try {
      // Just after its start, the compiler and the garbage collector still have work of their own.
      await eventually(async () => {
        const before = sleeps(gateway.pid);
        await pass(WINDOW_MS);
        expect((sleeps(gateway.pid) - before) / (WINDOW_MS / 1000)).toBeLessThan(MOST_PER_SECOND);
      });
    } finally {
      await gateway.stop();
    }
  });
});
