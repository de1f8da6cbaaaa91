import type { Clock, Timer } from '../../../src/core/clock.ts';

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #due = new Set<Due>();

  now(): Date {
    return new Date(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const due = { atMs: this.#nowMs + delayMs, run };
    this.#due.add(due);
    return { cancel: () => void this.#due.delete(due) };
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#due.size;
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#due].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#due.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = untilMs;
  }
}
