import type { Clock } from '../core/clock.ts';

/** What logins may take of one round of the event loop, when others wait for it. */
const SHARE_MS = 2;
/** Steps that are let through at once in one round: few enough that what they take together is about a share. */
const AT_ONCE = 4;

/**
 * Lets logins have a share of each round of the event loop, first come, first served. They take a turn before each step that
 * costs something: however many come at once, a running session waits for a few of those steps, not for all. While few come,
 * nobody waits.
 */
export class Turns {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  /** Those of #waiting that have had their turn. */
  #served = 0;
  /** Those that did not have to wait in this round; a round is under way while it is not 0. */
  #letThrough = 0;
  #roundEndsMs = 0;
  readonly #beginRound = (): void => {
    this.#letThrough = 0;
    if (this.#waiting.length === 0) return;
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
    if (this.#waiting.length === 0 && this.#letThrough < AT_ONCE) {
      if (this.#letThrough === 0) setImmediate(this.#beginRound);
      this.#letThrough += 1;
      return NOW;
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1 && this.#letThrough === 0) setImmediate(this.#beginRound);
    });
  }
}

const NOW = Promise.resolve();
