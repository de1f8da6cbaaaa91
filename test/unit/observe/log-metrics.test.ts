import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { collectLogMetrics } from '../../../src/observe/log-metrics.ts';

it('the metrics say how it goes with writing the log', async () => {
  const registry = new Registry();
  const state = { failing: false, lost: 0 };
  collectLogMetrics(registry, state);
  const read = async () =>
    [...(await registry.metrics()).matchAll(/^patgate_log_\w+ (\d+)$/gm)].map(([, value]) => Number(value));
  expect(await read()).toEqual([0, 0]);
  Object.assign(state, { failing: true, lost: 3 });
  expect(await read()).toEqual([1, 3]);
  Object.assign(state, { failing: false, lost: 5 });
  expect(await read()).toEqual([0, 5]);
});
