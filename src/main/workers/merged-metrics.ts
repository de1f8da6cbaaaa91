import { AggregatorRegistry, type Registry } from 'prom-client';

/** As prom-client's `getMetricsAsJSON` gives them. */
interface MetricJson {
  readonly name: string;
  readonly type: string;
  readonly aggregator: string;
}

type Snapshot = readonly MetricJson[];

/**
 * The metrics of several processes as those of one: sums, but where prom-client says otherwise. What a worker that is gone had
 * counted stays in: a counter that sank would be taken for a restart.
 */
export class MergedMetrics {
  readonly #last = new Map<object, Snapshot>();
  #ofTheGone: Snapshot = [];

  /** @param source whose metrics these are; they replace what it gave before */
  take(source: object, metrics: readonly object[]): void {
    this.#last.set(source, metrics as Snapshot);
  }

  async gone(source: object): Promise<void> {
    const last = this.#last.get(source);
    this.#last.delete(source);
    if (last === undefined) return;
    const lasting = last.filter(({ type }) => type !== 'gauge');
    this.#ofTheGone = (await sum([this.#ofTheGone, lasting]).getMetricsAsJSON()) as unknown as Snapshot;
  }

  /** @param own of the asking process; it speaks for all where adding up makes no sense */
  async text(own: Registry): Promise<string> {
    const all = (await own.getMetricsAsJSON()) as unknown as Snapshot;
    const mine = all.map((metric) =>
      metric.aggregator === 'omit' ? { ...metric, aggregator: 'first' } : metric,
    );
    return sum([mine, this.#ofTheGone, ...this.#last.values()]).metrics();
  }
}

function sum(snapshots: readonly Snapshot[]): Registry {
  return AggregatorRegistry.aggregate(snapshots as unknown as object[]);
}
