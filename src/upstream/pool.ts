import type { Clock, Timer } from '../core/clock.ts';
import type { Physical } from './physical.ts';

export interface PoolLimits {
  /** Idle sessions kept for one principal, engine, database, role and set of start-up parameters. */
  readonly maxIdlePerKey: number;
  /** Idle sessions kept in all. */
  readonly maxIdle: number;
  readonly idleTimeoutMs: number;
}

/** `gone`: the engine closed it or spoke out of turn. */
export type DropReason = 'limit' | 'aged' | 'gone';

export interface PoolDeps {
  readonly clock: Clock;
  /** Called for each session that the pool lets go of by itself; the callee closes it. */
  readonly onDropped: (physical: Physical, why: DropReason) => void;
}

interface Idle {
  readonly physical: Physical;
  readonly key: string;
  readonly sinceMs: number;
}

/**
 * Sessions that are logged in, reset, and wait for the next client session of the same key. What goes in must be clean: no
 * question is asked here.
 */
export class Pool {
  readonly #limits: PoolLimits;
  readonly #deps: PoolDeps;
  /** By key, the one used last at the end. */
  readonly #byKey = new Map<string, Idle[]>();
  /** All, the one idle longest first. */
  readonly #all = new Set<Idle>();
  #sweep: Timer | null = null;

  constructor(limits: PoolLimits, deps: PoolDeps) {
    this.#limits = limits;
    this.#deps = deps;
  }

  /** All idle sessions, the one idle longest first. */
  get idle(): readonly Physical[] {
    return Array.from(this.#all, ({ physical }) => physical);
  }

  count(key: string): number {
    return this.#byKey.get(key)?.length ?? 0;
  }

  /** The session of that key that was used last, and since when it has been idle (monotonic). */
  take(key: string): { physical: Physical; idleSinceMs: number } | null {
    const idle = this.#byKey.get(key)?.at(-1);
    if (idle === undefined) return null;
    this.#remove(idle);
    idle.physical.transport.pause();
    idle.physical.transport.setSink(null);
    return { physical: idle.physical, idleSinceMs: idle.sinceMs };
  }

  /** Keeps a session, at the cost of the one idle longest when there are too many. */
  put(key: string, physical: Physical): void {
    if (
      physical.transport.closed ||
      this.count(key) >= this.#limits.maxIdlePerKey ||
      this.#limits.maxIdle < 1
    ) {
      this.#deps.onDropped(physical, physical.transport.closed ? 'gone' : 'limit');
      return;
    }
    const idle: Idle = { physical, key, sinceMs: this.#deps.clock.monotonicMs() };
    this.#all.add(idle);
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), idle]);
    this.#watch(idle);
    for (const oldest of this.#all) {
      if (this.#all.size <= this.#limits.maxIdle) break;
      this.#drop(oldest, 'limit');
    }
    this.#scheduleSweep();
  }

  /** Takes out what is unwanted, the one idle longest first; the caller closes it. */
  evict(unwanted: (physical: Physical) => boolean, most = Infinity): Physical[] {
    const evicted = [...this.#all].filter((idle) => unwanted(idle.physical)).slice(0, most);
    for (const idle of evicted) this.#remove(idle);
    return evicted.map(({ physical }) => physical);
  }

  /** A session at rest has nothing to hear: a word from the engine, and be it that it shuts down, makes it useless. */
  #watch(idle: Idle): void {
    const gone = (): void => {
      if (this.#all.has(idle)) this.#drop(idle, 'gone');
    };
    const { transport } = idle.physical;
    transport.setSink({
      data() {
        gone();
        return false;
      },
      end: gone,
      drain: () => undefined,
      close: gone,
    });
    transport.resume();
  }

  #drop(idle: Idle, why: DropReason): void {
    this.#remove(idle);
    this.#deps.onDropped(idle.physical, why);
  }

  #remove(idle: Idle): void {
    this.#all.delete(idle);
    const rest = (this.#byKey.get(idle.key) ?? []).filter((other) => other !== idle);
    if (rest.length === 0) this.#byKey.delete(idle.key);
    else this.#byKey.set(idle.key, rest);
    if (this.#all.size === 0) {
      this.#sweep?.cancel();
      this.#sweep = null;
    }
  }

  #scheduleSweep(): void {
    const [oldest] = this.#all;
    if (oldest === undefined || this.#sweep !== null) return;
    const { clock } = this.#deps;
    const dueMs = oldest.sinceMs + this.#limits.idleTimeoutMs - clock.monotonicMs();
    this.#sweep = clock.after(Math.max(0, dueMs), () => {
      this.#sweep = null;
      const now = clock.monotonicMs();
      for (const idle of this.#all) {
        if (now - idle.sinceMs < this.#limits.idleTimeoutMs) break;
        this.#drop(idle, 'aged');
      }
      this.#scheduleSweep();
    });
  }
}
