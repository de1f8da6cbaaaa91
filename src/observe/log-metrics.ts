import { Counter, Gauge, type Registry } from 'prom-client';
import type { LogState } from '../core/log-destination.ts';

/** How it goes with writing the log, which cannot tell of it itself. */
export function collectLogMetrics(registry: Registry, state: LogState): void {
  new Gauge({
    name: 'patgate_log_failing',
    help: '1: the log cannot be written at the moment. 0: it can.',
    aggregator: 'max',
    registers: [registry],
    collect() {
      this.set(state.failing ? 1 : 0);
    },
  });
  let counted = 0;
  new Counter({
    name: 'patgate_log_lines_lost_total',
    help: 'Lines of the log that could not be written and did not fit into memory.',
    registers: [registry],
    collect() {
      this.inc(state.lost - counted);
      counted = state.lost;
    },
  });
}
