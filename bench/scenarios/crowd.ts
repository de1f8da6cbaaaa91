import { setTimeout as delay } from 'node:timers/promises';

import type { CrowdOptions } from '../../test/support/crowd.ts';
import { LoadClient } from '../load/client.ts';
import { Worker } from '../load/worker.ts';
import { ROLE } from '../names.ts';
import { startModule } from '../processes.ts';
import { quantile } from '../statistics.ts';
import type { Door, Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import { tokensOf } from './logins.ts';
import type { Figures, Row, Scenario } from './scenario.ts';
import { cpuOf } from './usage.ts';

const CROWD = new URL('../load/crowd-process.js', import.meta.url);
const SIZE = 5000;
const ADDRESSES = Array.from({ length: 10 }, (_, n) => `127.0.0.${n + 2}`);
/** Those who are put out come again after so long. */
const PAUSE_MS = 5000;
const GATHER_MS = 8000;
const PHASE_MS = 6000;
const BETWEEN_LOGINS_MS = 10;
const SESSIONS = 4;
const BETWEEN_QUESTIONS_MS = 20;

const FIGURES = [
  'login median before, ms',
  'login median in the crowd, ms',
  'rise of the median, times',
  'login p99 before, ms',
  'login p99 in the crowd, ms',
  'rise of p99, times',
  'question median before, ms',
  'question median in the crowd, ms',
  'crowd connections/s',
  'gateway CPU in the crowd, cores',
] as const;

/** People log in, and sessions work, while thousands of connections from other addresses are only there to be in the way. */
export function crowd({ patgateGuarded }: Targets): Scenario {
  const row = (name: string, door: (place: Running) => Door, tls: boolean): Row => ({
    name,
    target: patgateGuarded,
    run: (place) => measure(place, { door: door(place), tls }),
  });
  return {
    name: `logins and sessions in a hostile crowd of ${SIZE}`,
    figures: FIGURES,
    reference: null,
    rounds: 3,
    rows: [
      row('patgate, SCRAM', (place) => place.door('fake'), false),
      row('patgate, token over TLS', (place) => tokensOf(place).cleartext('fake'), true),
    ],
  };
}

async function measure(place: Running, way: Way): Promise<Figures> {
  const workers = await Promise.all(
    Array.from({ length: SESSIONS }, () => Worker.start(place.door('fake'), BETWEEN_QUESTIONS_MS)),
  );
  try {
    // The first ones pay for compiling.
    await logIn(way);
    const before = await phase(way, workers);
    const order: CrowdOptions = {
      port: way.door.port,
      size: SIZE,
      addresses: ADDRESSES,
      user: ROLE,
      pauseMs: PAUSE_MS,
    };
    const crowd = await startModule(CROWD, [JSON.stringify(order)]);
    await delay(GATHER_MS);
    await crowd.ask();
    const [madeBefore, cpuBefore, sinceMs] = [await crowd.ask(), cpuOf(place), performance.now()];
    const during = await phase(way, workers);
    await crowd.ask();
    const seconds = (performance.now() - sinceMs) / 1000;
    const [made, cpu] = [(await crowd.ask()) - madeBefore, cpuOf(place) - cpuBefore];
    await crowd.stop();
    return {
      'login median before, ms': quantile(before.logins, 0.5),
      'login median in the crowd, ms': quantile(during.logins, 0.5),
      'rise of the median, times': quantile(during.logins, 0.5) / quantile(before.logins, 0.5),
      'login p99 before, ms': quantile(before.logins, 0.99),
      'login p99 in the crowd, ms': quantile(during.logins, 0.99),
      'rise of p99, times': quantile(during.logins, 0.99) / quantile(before.logins, 0.99),
      'question median before, ms': quantile(before.questions, 0.5),
      'question median in the crowd, ms': quantile(during.questions, 0.5),
      'crowd connections/s': made / seconds,
      'gateway CPU in the crowd, cores': cpu / seconds,
    };
  } finally {
    for (const worker of workers) worker.stop();
  }
}

interface Phase {
  readonly logins: Float64Array;
  readonly questions: Float64Array;
}

async function phase(way: Way, workers: readonly Worker[]): Promise<Phase> {
  for (const worker of workers) worker.tookMs = [];
  const logins = await logIn(way);
  return { logins, questions: Float64Array.from(workers.flatMap(({ tookMs }) => tookMs)).sort() };
}

/** How people log in. */
interface Way {
  readonly door: Door;
  readonly tls: boolean;
}

/** One after the other; nobody may be turned away. @returns how long each login took, sorted */
async function logIn({ door, tls }: Way): Promise<Float64Array> {
  const tookMs: number[] = [];
  const untilMs = performance.now() + PHASE_MS;
  while (performance.now() < untilMs) {
    const startMs = performance.now();
    const client = await LoadClient.open(door, { tls });
    tookMs.push(performance.now() - startMs);
    await client.leave();
    await delay(BETWEEN_LOGINS_MS);
  }
  return Float64Array.from(tookMs).sort();
}
