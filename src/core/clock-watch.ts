import type { Clock } from './clock.ts';
import { DAY_MS, HOUR_MS } from './duration.ts';

/** Less than this is what clocks are put right by. */
const MOST_MS = HOUR_MS;
/** As long as a clock that was set by mistake, or by somebody, may take to be noticed. */
const BELIEVED_AFTER_MS = DAY_MS;

/** Notices that the wall clock was set: it then disagrees with the one that only counts. */
export class ClockWatch {
  readonly #clock: Clock;
  /** Between the two clocks, when the wall clock was last believed. */
  #offsetMs: number;
  /** Monotonic. */
  #setAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offsetMs = this.#offset();
  }

  /** Whether the wall clock was not set by more than an hour, or was so more than a day ago and has been left so. */
  isSteady(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const offsetMs = this.#offset();
    if (Math.abs(offsetMs - this.#offsetMs) > MOST_MS) {
      this.#setAtMs ??= nowMs;
      if (nowMs - this.#setAtMs < BELIEVED_AFTER_MS) return false;
      this.#offsetMs = offsetMs;
    }
    this.#setAtMs = null;
    return true;
  }

  #offset(): number {
    return this.#clock.now().getTime() - this.#clock.monotonicMs();
  }
}
