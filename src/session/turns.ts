import type { Clock } from '../core/clock.ts';

/** What logins may take of one round of the event loop. */
const SHARE_MS = 2;

/**
 * Lets logins have a share of each round of the event loop, first come, first served. They take a turn before each step that
 * costs something: however many come at once, a running session waits for a few of those steps, not for all.
 */
export class Turns {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  /** Those of #waiting that have had their turn. */
  #served = 0;
  #roundEndsMs = 0;
  readonly #beginRound = (): void => {
    this.#roundEndsMs = this.#clock.monotonicMs() + SHARE_MS;
    this.#serve();
  };
  readonly #serve = (): void => {
    this.#waiting[this.#served]?.();
    this.#served += 1;
    // Whoever was served runs in microtasks, and is done with this step when the tick after them comes.
    queueMicrotask(() => process.nextTick(this.#goOn));
  };
  readonly #goOn = (): void => {
    if (this.#served === this.#waiting.length) {
      this.#waiting = [];
      this.#served = 0;
    } else if (this.#clock.monotonicMs() < this.#roundEndsMs) this.#serve();
    else setImmediate(this.#beginRound);
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Settles when it is the caller's turn. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(this.#beginRound);
    });
  }
}
