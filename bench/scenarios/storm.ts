import { setTimeout as delay } from 'node:timers/promises';

import { keepApart } from '../processors.ts';
import { cpuSeconds, startModule, waitedSeconds } from '../processes.ts';
import { quantile } from '../statistics.ts';
import type { Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import type { StormOrder } from '../load/storm-process.ts';
import { Worker } from '../load/worker.ts';
import type { Figures, Row, Scenario } from './scenario.ts';

const STORM = new URL('../load/storm-process.js', import.meta.url);
const LOGINS_PER_SECOND = 500;
/** Sessions that work while others log in, each with a question every few milliseconds. */
const SESSIONS = 16;
const PAUSE_MS = 10;
const PHASE_MS = 5000;

const FIGURES = [
  'median before, ms',
  'p99 before, ms',
  'median in the storm, ms',
  'p99 in the storm, ms',
  'rise of p99, times',
  'event-loop delay p99, ms',
  'logins/s',
  'processor busy, %',
  'waiting for a processor, %',
] as const;

/**
 * Running sessions while hundreds of clients a second log in, two of five of them with a wrong secret. The target has a processor to
 * itself: what is asked is how long it lets sessions wait, not who else does.
 */
export function storm({ pgbouncer, patgate }: Targets): Scenario {
  const row = (name: string, target: Row['target']): Row => ({ name, target, run: measure });
  return {
    name: `running sessions while ${LOGINS_PER_SECOND} logins a second come in`,
    figures: FIGURES,
    reference: null,
    rounds: 2,
    rows: [row('PgBouncer', pgbouncer), row('patgate', patgate)],
  };
}

async function measure(place: Running): Promise<Figures> {
  const together = keepApart(place.pids);
  const workers = await Promise.all(
    Array.from({ length: SESSIONS }, () => Worker.start(place.door('fake'), PAUSE_MS)),
  );
  try {
    await delay(PHASE_MS / 5);
    const before = await phase(workers);
    const order: StormOrder = {
      perSecond: LOGINS_PER_SECOND,
      password: place.door('bench'),
      token: place.tokens?.cleartext('bench') ?? null,
    };
    const started = await startModule(STORM, [JSON.stringify(order)]);
    await delay(PHASE_MS / 5);
    place.loop?.begin();
    const loginsBefore = await started.ask();
    const [busyBefore, waitedBefore] = [sum(place.pids, cpuSeconds), sum(place.pids, waitedSeconds)];
    const during = await phase(workers);
    const busy = sum(place.pids, cpuSeconds) - busyBefore;
    const waited = sum(place.pids, waitedSeconds) - waitedBefore;
    const logins = (await started.ask()) - loginsBefore;
    const loopMs = place.loop === undefined ? Number.NaN : await place.loop.end();
    await started.stop();
    const [p99Before, p99During] = [quantile(before, 0.99), quantile(during, 0.99)];
    return {
      'median before, ms': quantile(before, 0.5),
      'p99 before, ms': p99Before,
      'median in the storm, ms': quantile(during, 0.5),
      'p99 in the storm, ms': p99During,
      'rise of p99, times': p99During / p99Before,
      'event-loop delay p99, ms': loopMs,
      'logins/s': (logins / PHASE_MS) * 1000,
      'processor busy, %': (busy / PHASE_MS) * 1e5,
      'waiting for a processor, %': (waited / PHASE_MS) * 1e5,
    };
  } finally {
    for (const worker of workers) worker.stop();
    together();
  }
}

/** @returns how long questions of this phase took, sorted */
async function phase(workers: readonly Worker[]): Promise<Float64Array> {
  for (const worker of workers) worker.tookMs = [];
  await delay(PHASE_MS);
  return Float64Array.from(workers.flatMap(({ tookMs }) => tookMs)).sort();
}

function sum(pids: readonly number[], seconds: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + seconds(pid), 0);
}
