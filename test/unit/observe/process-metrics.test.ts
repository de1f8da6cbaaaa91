import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { collectProcessMetrics } from '../../../src/observe/process-metrics.ts';
import { eventually } from '../../support/eventually.ts';

async function lags(registry: Registry): Promise<Map<string, number>> {
  const text = await registry.metrics();
  return new Map(
    [...text.matchAll(/^nodejs_eventloop_lag_(\w+) (\S+)$/gm)].map(([, name = '', value]) => [
      name,
      Number(value),
    ]),
  );
}

test('the delay of the event loop has the names that dashboards know, and shows a loop that stood still', async () => {
  const registry = new Registry();
  onTestFinished(collectProcessMetrics(registry, systemClock));
  expect([...(await lags(registry)).keys()].toSorted()).toEqual(
    ['max_seconds', 'mean_seconds', 'min_seconds', 'p50_seconds', 'p90_seconds', 'p99_seconds'].concat([
      'seconds',
      'stddev_seconds',
    ]),
  );
  const until = performance.now() + 900;
  while (performance.now() < until);
  await eventually(async () => {
    const { max, min } = Object.fromEntries(
      [...(await lags(registry))].map(([name, value]) => [name.replace('_seconds', ''), value]),
    ) as { max: number; min: number };
    // A sample is due at least 400 ms before the loop turns again; the time between samples is no delay.
    expect(max).toBeGreaterThan(0.35);
    expect(max).toBeLessThan(5);
    expect(min).toBeLessThanOrEqual(max);
  });
  expect(await registry.metrics()).toContain('process_cpu_seconds_total');
});
