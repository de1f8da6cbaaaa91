import type { UpstreamStats } from './open.ts';

type Counted = 'opened' | 'reused' | 'failed' | 'cancels';
type Counts = Record<Counted, number>;

/** What happened on each engine since the start. */
export class EngineCounters {
  readonly #counts = new Map<string, Counts>();

  add(engine: string, what: Counted): void {
    const counts = this.#of(engine);
    counts[what] += 1;
    this.#counts.set(engine, counts);
  }

  stats(engine: string, gauges: Pick<UpstreamStats, 'lent' | 'idle' | 'resetting'>): UpstreamStats {
    return { engine, ...gauges, ...this.#of(engine) };
  }

  #of(engine: string): Counts {
    return this.#counts.get(engine) ?? { opened: 0, reused: 0, failed: 0, cancels: 0 };
  }
}
