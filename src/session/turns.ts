import { addressBlock } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { Lanes } from '../core/lanes.ts';

/** What logins may take of one round of the event loop, when others wait for it. */
const SHARE_MS = 2;
/** Steps that are let through at once in one round: few enough that what they take together is about a share. */
const AT_ONCE = 4;

/**
 * Lets logins have a share of each round of the event loop. They take a turn before each step that costs something: however
 * many come at once, a running session waits for a few of those steps, not for all. While few come, nobody waits. Those who
 * wait are served in turn by address, or /64, and of one address first come, first: who comes alone does not stand behind each
 * of a thousand from elsewhere.
 */
export class Turns {
  readonly #clock: Clock;
  /** By block of addresses. */
  readonly #waiting = new Lanes<string, () => void>();
  /** Some wait, or the last of them is having its turn. */
  #busy = false;
  /** Those that did not have to wait in this round; a round is under way while it is not 0. */
  #letThrough = 0;
  #roundEndsMs = 0;
  readonly #beginRound = (): void => {
    this.#letThrough = 0;
    if (!this.#busy) return;
    this.#roundEndsMs = this.#clock.monotonicMs() + SHARE_MS;
    this.#serve();
  };
  readonly #serve = (): void => {
    this.#waiting.next()?.();
    // Whoever was served runs in microtasks, and is done with this step when the tick after them comes.
    queueMicrotask(() => process.nextTick(this.#goOn));
  };
  readonly #goOn = (): void => {
    if (this.#waiting.size === 0) this.#busy = false;
    else if (this.#clock.monotonicMs() < this.#roundEndsMs) this.#serve();
    else setImmediate(this.#beginRound);
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Settles when it is the caller's turn.
   * @param address the client's, as far as it is known; normal form
   */
  take(address: string): Promise<void> {
    if (!this.#busy && this.#letThrough < AT_ONCE) {
      if (this.#letThrough === 0) setImmediate(this.#beginRound);
      this.#letThrough += 1;
      return NOW;
    }
    // Either some wait, and their rounds go on; or some were let through, and after them comes a round.
    this.#busy = true;
    return new Promise((resolve) => this.#waiting.push(addressBlock(address), resolve));
  }
}

const NOW = Promise.resolve();
