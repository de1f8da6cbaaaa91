import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';

export interface SparesDeps {
  readonly clock: Clock;
  /** Sessions kept ready for a key in demand; 0 switches this off. */
  readonly spares: number;
  /** How many of the key are idle or about to be. */
  readonly ready: (key: string) => number;
}

/** So many logins of one key within the window make it one in demand. */
const DEMAND = 4;
const WINDOW_MS = 10_000;
const KEYS_REMEMBERED = 1000;

/** Tells when to open a session that nobody has asked for yet, because somebody soon will. */
export class Spares {
  readonly #deps: SparesDeps;
  /** Monotonic times of the last logins of a key. */
  readonly #logins = new LRUCache<string, readonly number[]>({ max: KEYS_REMEMBERED });
  readonly #opening = new Set<string>();

  constructor(deps: SparesDeps) {
    this.#deps = deps;
  }

  /**
   * To be called for each login.
   * @param open opens a session and keeps it; its failure is its own affair
   */
  noteLogin(key: string, open: () => Promise<void>): void {
    if (this.#deps.spares === 0) return;
    const now = this.#deps.clock.monotonicMs();
    const times = [...(this.#logins.get(key) ?? []), now].slice(-DEMAND);
    this.#logins.set(key, times);
    const inDemand = times.length === DEMAND && now - (times[0] ?? 0) <= WINDOW_MS;
    if (!inDemand || this.#opening.has(key) || this.#deps.ready(key) >= this.#deps.spares) return;
    this.#opening.add(key);
    void open().finally(() => this.#opening.delete(key));
  }
}
