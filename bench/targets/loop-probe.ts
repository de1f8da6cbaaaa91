/**
 * Loaded into a gateway before its own code. The first SIGUSR2 begins to watch the event loop, the second writes how much
 * later than due it came round, and so on: watching takes a timer a millisecond, which an idle gateway is not to be blamed for.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 1;

const file = process.env['BENCH_LOOP_FILE'];
if (file !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let watching = false;
  process.on('SIGUSR2', () => {
    watching = !watching;
    if (watching) {
      histogram.reset();
      histogram.enable();
      return;
    }
    histogram.disable();
    // what is measured is the distance of two ticks, which are a resolution apart when nothing is in their way
    const p99Ms = Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS);
    writeFileSync(`${file}.part`, JSON.stringify({ p99Ms }));
    renameSync(`${file}.part`, file);
  });
}
