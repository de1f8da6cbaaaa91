import type { Clock } from '../core/clock.ts';
import { reasonOf } from './deadline.ts';
import type { Physical } from './physical.ts';

/** Sessions of one key that are opened at once while others wait. PgBouncer opens one at a time for each pool. */
export const AT_ONCE = 4;
/** An engine that takes that long for one session is far away or does not answer: those who wait had better see for themselves. */
const PATIENCE_MS = 1000;

interface OfKey {
  running: number;
  /** First come, first served. */
  readonly waiting: Set<Waiting>;
}

interface Waiting {
  /** Null: its turn to open a session. */
  readonly settle: (handedOn: Physical | null) => void;
}

/**
 * The sessions that logins have opened for them, by key. A login that finds none to re-use opens one at once while few do; otherwise it waits
 * for a turn, or for a session that is given back meanwhile. A storm of short logins is thus served by the sessions that are there,
 * instead of costing the engine a process for each.
 */
export class Openings {
  readonly #clock: Clock;
  readonly #ofKey = new Map<string, OfKey>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @returns a session that was handed on, or null: it is the caller's turn to open one, and to call `done` after that
   * @throws the signal's reason
   */
  take(key: string, signal: AbortSignal): Promise<Physical | null> {
    const ofKey = this.#ofKey.get(key) ?? { running: 0, waiting: new Set() };
    this.#ofKey.set(key, ofKey);
    if (ofKey.running < AT_ONCE) {
      ofKey.running += 1;
      return NOW;
    }
    return this.#wait(ofKey, signal);
  }

  /** A session was opened, or could not be. */
  done(key: string): void {
    const ofKey = this.#ofKey.get(key);
    if (ofKey === undefined) return;
    ofKey.running -= 1;
    const [next] = ofKey.waiting;
    if (next !== undefined && ofKey.running < AT_ONCE) next.settle(null);
    // who waits does so for somebody who opens one
    if (ofKey.running === 0) this.#ofKey.delete(key);
  }

  /** @returns whether somebody waited for a session of that key, and has it now */
  handOn(key: string, physical: Physical): boolean {
    const [next] = this.#ofKey.get(key)?.waiting ?? [];
    next?.settle(physical);
    return next !== undefined;
  }

  #wait(ofKey: OfKey, signal: AbortSignal): Promise<Physical | null> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        ofKey.waiting.delete(waiting);
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const waiting: Waiting = {
        settle(handedOn) {
          leave();
          if (handedOn === null) ofKey.running += 1;
          resolve(handedOn);
        },
      };
      const onAbort = (): void => {
        leave();
        reject(reasonOf(signal));
      };
      const timer = this.#clock.after(PATIENCE_MS, () => waiting.settle(null));
      ofKey.waiting.add(waiting);
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
    });
  }
}

const NOW = Promise.resolve(null);
