import type { Clock } from '../../core/clock.ts';
import { SqlError } from '../sql-error.ts';

/** Longest that a statement may take; statement_timeout can make it less. */
const LONGEST_MS = 30_000;

export interface Limits {
  /** 0: none but our own. */
  readonly timeoutMs: number;
  /** Changes something, so that it can not just be left alone. */
  readonly changes: boolean;
}

/**
 * Lets a session wait for what a statement does, but not for ever and not against the client's will. The services know no way
 * back, so a statement that is given up goes on by itself, and its answer is thrown away; therefore one that changes
 * something is waited for, also when the client would rather not.
 */
export class Interrupt {
  readonly #clock: Clock;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The client asks to cancel what runs. */
  cancel(): void {
    this.#cancel?.();
  }

  /** @throws SqlError 57014; else as `work` */
  async guard<T>(work: Promise<T>, { timeoutMs, changes }: Limits): Promise<T> {
    const limitMs = timeoutMs > 0 ? Math.min(timeoutMs, LONGEST_MS) : LONGEST_MS;
    let giveUp: (error: SqlError) => void = () => undefined;
    const given = new Promise<never>((_, reject) => (giveUp = reject));
    const timer = this.#clock.after(limitMs, () => giveUp(timedOut(changes)));
    if (!changes) this.#cancel = () => giveUp(canceled());
    try {
      return await Promise.race([work, given]);
    } finally {
      timer.cancel();
      this.#cancel = null;
      // Nobody listens to what was given up.
      work.catch(() => undefined);
    }
  }
}

function canceled(): SqlError {
  return new SqlError('57014', 'canceling statement due to user request');
}

function timedOut(changes: boolean): SqlError {
  const message = 'canceling statement due to statement timeout';
  return new SqlError('57014', changes ? `${message}; it may take effect all the same` : message);
}
