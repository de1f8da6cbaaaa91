/** What of the gateway's surroundings a fault takes away. */
export type Part = 'store' | 'engine' | 'an engine session';

export interface Happening {
  readonly name: string;
  /** null: it takes nothing away that a login or a session needs. */
  readonly part: Part | null;
  /** Monotonic milliseconds, as `toMs`, which is infinite while it goes on. */
  readonly fromMs: number;
  toMs: number;
}

/**
 * So long after a fault is over, what it explains may still be seen: connections are looked at again, and the machine that
 * all of it shares is busy.
 */
export const AFTERMATH_MS = 2000;

/** What was broken, and when: what a client, an operator or the log may say depends on it. */
export class Happenings {
  readonly #all: Happening[] = [];

  begin(name: string, part: Part | null, nowMs = performance.now()): Happening {
    const happening = { name, part, fromMs: nowMs, toMs: Infinity };
    this.#all.push(happening);
    return happening;
  }

  end(happening: Happening, nowMs = performance.now()): void {
    happening.toMs = nowMs;
  }

  /** The last fault of that part that explains what began at `fromMs` and was over at `toMs`. */
  near(part: Part, fromMs: number, toMs: number, aftermathMs = AFTERMATH_MS): Happening | undefined {
    return this.#all.findLast(
      (one) => one.part === part && one.fromMs <= toMs && fromMs <= one.toMs + aftermathMs,
    );
  }

  /** In words, for whoever reads of something at that time. */
  lastBefore(nowMs: number): string {
    const last = this.#all.findLast(({ fromMs }) => fromMs <= nowMs);
    if (last === undefined) return 'before any fault';
    const since = Math.round(nowMs - last.fromMs);
    const over =
      nowMs < last.toMs ? 'and it goes on' : `which was over ${Math.round(nowMs - last.toMs)} ms ago`;
    return `${since} ms after the begin of "${last.name}", ${over}`;
  }
}
