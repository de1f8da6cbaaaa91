import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setImmediate as nextRound } from 'node:timers/promises';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { Clock, Timer } from '../core/clock.ts';

/** The event loop's delay is looked at so often: an idle process is woken for it, and has nothing else to do. */
const SAMPLE_EVERY_MS = 500;
/** prom-client's own monitor then never ticks; by default it wakes the process a hundred times a second. */
const NEVER_MS = 2 ** 31 - 1;
const NANOSECONDS = 1e9;

type Aggregator = 'average' | 'min' | 'max';

interface Statistic {
  readonly name: string;
  readonly help: string;
  /** Over workers. */
  readonly aggregator: Aggregator;
  readonly of: (delays: RecordableHistogram) => number;
}

/** Under prom-client's names, which dashboards know. */
const STATISTICS: readonly Statistic[] = [
  statistic('min', 'The minimum recorded event loop delay.', 'min', (delays) => delays.min),
  statistic('max', 'The maximum recorded event loop delay.', 'max', (delays) => delays.max),
  statistic('mean', 'The mean of the recorded event loop delays.', 'average', (delays) => delays.mean),
  statistic(
    'stddev',
    'The standard deviation of the recorded event loop delays.',
    'average',
    (delays) => delays.stddev,
  ),
  ...[50, 90, 99].map((percent) =>
    statistic(
      `p${percent}`,
      `The ${percent}th percentile of the recorded event loop delays.`,
      'average',
      (delays) => delays.percentile(percent),
    ),
  ),
];

/**
 * What prom-client tells of a process: CPU, memory, descriptors, garbage collection, and the delay of its event loop.
 * @returns ends the sampling
 */
export function collectProcessMetrics(registry: Registry, clock: Clock): () => void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const name of ['nodejs_eventloop_lag_seconds', ...STATISTICS.map((one) => one.name)]) {
    registry.removeSingleMetric(name);
  }
  const delays = createHistogram();
  reportDelays(registry, clock, delays);
  return sampleDelays(clock, delays);
}

/** By how much a timer is late, without the time between two of them. @returns ends it */
function sampleDelays(clock: Clock, delays: RecordableHistogram): () => void {
  let timer: Timer;
  const next = (): void => {
    const dueMs = clock.monotonicMs() + SAMPLE_EVERY_MS;
    timer = clock.after(SAMPLE_EVERY_MS, () => {
      delays.record(Math.max(1, Math.round((clock.monotonicMs() - dueMs) * 1e6)));
      next();
    });
  };
  next();
  return () => timer.cancel();
}

function reportDelays(registry: Registry, clock: Clock, delays: RecordableHistogram): void {
  const registers = [registry];
  // First, since metrics are read in their order, and this one sets the others.
  new Gauge({
    name: 'nodejs_eventloop_lag_seconds',
    help: 'Lag of event loop in seconds.',
    aggregator: 'average',
    registers,
    async collect() {
      for (const { gauge, of } of gauges) gauge.set(delays.count === 0 ? 0 : of(delays) / NANOSECONDS);
      delays.reset();
      const askedMs = clock.monotonicMs();
      await nextRound();
      this.set((clock.monotonicMs() - askedMs) / 1000);
    },
  });
  const gauges = STATISTICS.map(({ of, ...described }) => ({
    gauge: new Gauge({ ...described, registers }),
    of,
  }));
}

function statistic(
  name: string,
  help: string,
  aggregator: Aggregator,
  of: (delays: RecordableHistogram) => number,
): Statistic {
  return { name: `nodejs_eventloop_lag_${name}_seconds`, help, aggregator, of };
}
