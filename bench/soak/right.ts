/**
 * When the right to log in was taken away, and given back: asked for, and answered. In between, nobody knows whether it is there.
 * Monotonic milliseconds; infinite: not yet.
 */
export class Right {
  #takingMs = Infinity;
  #takenMs = Infinity;
  #givingMs = Infinity;
  #givenMs = Infinity;

  /** When it was certain that the right is gone. */
  get takenMs(): number {
    return this.#takenMs;
  }

  taking(nowMs = performance.now()): void {
    this.#takingMs = nowMs;
    this.#takenMs = Infinity;
    this.#givingMs = Infinity;
    this.#givenMs = Infinity;
  }

  taken(nowMs = performance.now()): void {
    this.#takenMs = nowMs;
  }

  giving(nowMs = performance.now()): void {
    this.#givingMs = nowMs;
  }

  given(nowMs = performance.now()): void {
    this.#givenMs = nowMs;
  }

  /** Whether it may have been gone at some time in between. */
  mayBeGone(fromMs: number, toMs: number): boolean {
    return this.#takingMs <= toMs && fromMs <= this.#givenMs;
  }

  /** Whether it was gone all the time. */
  isGone(fromMs: number, toMs: number): boolean {
    return this.#takenMs <= fromMs && toMs <= this.#givingMs;
  }

  /**
   * From when on a session must end that was opened then; null: it may stay. Who logs in while the right is being given back
   * may have been judged by what was then.
   */
  dueMs(openedMs: number): number | null {
    if (this.#takenMs === Infinity || openedMs >= this.#givingMs) return null;
    return Math.max(this.#takenMs, openedMs);
  }
}
