/** A pending call that can be taken back. */
export interface Timer {
  cancel(): void;
}

/** Time as modules see it, so that tests can move it. */
export interface Clock {
  /** Wall clock, for what is stored or shown. */
  now(): Date;
  /** Milliseconds from an arbitrary start that never go backwards, for measuring. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`; does not keep the process alive by itself. */
  after(delayMs: number, run: () => void): Timer;
}

const LONGEST_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
