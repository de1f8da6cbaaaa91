import type { Happenings } from './happenings.ts';
import type { Right } from './right.ts';

/** A session that a client holds. */
export interface Held {
  /** Whose it is, in words. */
  readonly who: string;
  readonly rights: readonly Right[];
  readonly openedMs: number;
}

/**
 * From the answer to a revocation, or to the disabling of a user, to the end of a session of theirs, in milliseconds. With the
 * store there, a second or so is promised; the rest is for a machine that is busy with breaking things.
 */
export const ENDING_LIMITS_MS = {
  /** Nothing was broken. */
  calm: 3000,
  /** An engine that says nothing more is given four seconds to end the session in order. */
  engine: 6000,
  /** Cut off from the store, a gateway does not hear of it: the longest fault, and the time limits of connections and questions. */
  store: 12_000,
} as const;

/** Until the gateway is sure to hear again of what happens, after its store was away. */
const DEAF_MS = 5000;

/** The sessions that clients hold, and how long those stayed that had to end. */
export class Endings {
  /** Longest so far, by what was broken meanwhile. */
  readonly longestMs = { calm: 0, engine: 0, store: 0 };
  readonly #open = new Set<Held>();
  readonly #told = new WeakSet<Held>();
  readonly #happenings: Happenings;
  readonly #violated: (what: string) => void;

  constructor(happenings: Happenings, violated: (what: string) => void) {
    this.#happenings = happenings;
    this.#violated = violated;
  }

  opened(session: Held): void {
    this.#open.add(session);
  }

  closed(session: Held, nowMs = performance.now()): void {
    if (!this.#open.delete(session)) return;
    const kind = this.#judge(session, nowMs);
    if (kind === null) return;
    const [due] = duesOf(session);
    this.longestMs[kind] = Math.max(this.longestMs[kind], Math.round(nowMs - (due ?? nowMs)));
  }

  /** To be called now and then: a session that never ends is noticed, too. */
  look(nowMs = performance.now()): void {
    for (const session of this.#open) this.#judge(session, nowMs);
  }

  /** How many are open that have to end because of this. */
  dueBy(right: Right): number {
    let count = 0;
    for (const { rights, openedMs } of this.#open) {
      if (rights.includes(right) && right.dueMs(openedMs) !== null) count++;
    }
    return count;
  }

  /** @returns by which limit it was judged; null: it may stay */
  #judge(session: Held, nowMs: number): keyof typeof ENDING_LIMITS_MS | null {
    const [dueMs] = duesOf(session);
    if (dueMs === undefined || nowMs <= dueMs) return null;
    const kind = this.#kindOf(dueMs, nowMs);
    const tookMs = Math.round(nowMs - dueMs);
    if (tookMs > ENDING_LIMITS_MS[kind] && !this.#told.has(session)) {
      this.#told.add(session);
      this.#violated(
        `a session of ${session.who} outlived its right by ${tookMs} ms (${kind}), ${this.#happenings.lastBefore(nowMs)}`,
      );
    }
    return kind;
  }

  #kindOf(fromMs: number, toMs: number): keyof typeof ENDING_LIMITS_MS {
    if (this.#happenings.near('store', fromMs, toMs, DEAF_MS) !== undefined) return 'store';
    return this.#happenings.near('engine', fromMs, toMs) === undefined ? 'calm' : 'engine';
  }
}

function duesOf({ rights, openedMs }: Held): readonly number[] {
  return rights.flatMap((right) => right.dueMs(openedMs) ?? []).sort((a, b) => a - b);
}
