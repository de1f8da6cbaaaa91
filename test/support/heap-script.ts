import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { limitHeapGrowth } from '../../src/main/life/heap-growth.ts';

/**
 * Makes garbage that has become old, beside as much that lives, and tells how often all of it was collected. The argument
 * `limited` asks for `limitHeapGrowth`.
 */
const LIVE = 100_000;
const MADE = 3_000_000;
const AT_ONCE = 1000;

let collections = 0;
const count = (entry: PerformanceEntry): void => {
  const { detail } = entry as PerformanceEntry & { readonly detail: { readonly kind: number } };
  if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections += 1;
};
new PerformanceObserver((list) => list.getEntries().forEach(count)).observe({ entryTypes: ['gc'] });
if (process.argv[2] === 'limited') limitHeapGrowth();

const make = (n: number): object => ({ n, numbers: [n, n, n, n, n, n, n, n] });
const live = Array.from({ length: LIVE }, (_, n) => make(n));
for (let n = 0; n < MADE; n++) {
  // the oldest is replaced: by then it has outlived the young generation
  live[n % LIVE] = make(n);
  if (n % AT_ONCE === 0) await setImmediate();
}
process.stdout.write(`${collections}\n`);
