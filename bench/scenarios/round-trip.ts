import { ANSWER } from '../engines/frames.ts';
import { LoadClient, query } from '../load/client.ts';
import { cpuSeconds } from '../processes.ts';
import type { Running } from '../targets/target.ts';
import type { Figures, Scenario } from './scenario.ts';

const QUESTION = query('select abalance from pgbench_accounts where aid = 12345');

/** Each client asks, waits for one small row, and asks again. */
export function roundTrip(clients: number): Scenario {
  return {
    name: `round trips, ${clients} clients`,
    figures: {
      'CPU per round trip': { unit: 'µs', moreIsBetter: false },
      'round trips/s': { unit: '', moreIsBetter: true },
    },
    run: (target, seconds) => measure(target, clients, seconds),
  };
}

async function measure(target: Running, count: number, seconds: number): Promise<Figures> {
  const clients = await Promise.all(Array.from({ length: count }, () => LoadClient.open(target.port)));
  let trips = 0;
  let stopping = false;
  const run = (client: LoadClient): Promise<void> =>
    new Promise((resolve) => {
      const next = (): void => {
        trips++;
        if (stopping) resolve();
        else client.ask(QUESTION, ANSWER.length, next);
      };
      client.ask(QUESTION, ANSWER.length, next);
    });
  const all = Promise.all(clients.map(run));
  await pause(Math.min(300, seconds * 200));
  const before = { cpu: cpuOf(target), trips, at: performance.now() };
  await pause(seconds * 1000);
  const after = { cpu: cpuOf(target), trips, at: performance.now() };
  stopping = true;
  await all;
  for (const client of clients) client.close();
  const done = after.trips - before.trips;
  return {
    'CPU per round trip': ((after.cpu - before.cpu) / done) * 1e6,
    'round trips/s': (done / (after.at - before.at)) * 1000,
  };
}

const cpuOf = (target: Running): number => target.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
