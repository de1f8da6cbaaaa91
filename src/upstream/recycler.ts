import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { deadline } from './deadline.ts';
import { unreachable } from './engine-errors.ts';
import type { GivenBack } from './open.ts';
import type { Physical } from './physical.ts';
import type { Pool } from './pool.ts';
import { probeSession, resetSession } from './reset.ts';

export interface RecyclerDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when the gateway closes. */
  readonly life: AbortSignal;
  /** Keeps a clean session for whoever comes next. */
  readonly keep: (key: string, physical: Physical) => void;
  /** Ends a session that is not to be used again. */
  readonly discard: (physical: Physical) => void;
}

/** DISCARD ALL takes a millisecond, or as long as dropping the session's temporary tables does. */
const RESET_TIMEOUT_MS = 10_000;
/** A session that was idle for longer may have been cut off by a firewall that tells nobody. */
const TRUSTED_IDLE_MS = 30_000;
const PROBE_TIMEOUT_MS = 1000;
/** A reset is a millisecond of work, a new session ten: where both take long, the engine is better off with the former. */
const PATIENCE_MS = 200;

interface Resetting {
  readonly running: Set<Physical>;
  readonly waiting: ((physical: Physical | null) => void)[];
}

/** Turns sessions that were given back into sessions that can be lent again, by key. */
export class Recycler {
  readonly #deps: RecyclerDeps;
  readonly #resetting = new Map<string, Resetting>();

  constructor(deps: RecyclerDeps) {
    this.#deps = deps;
  }

  /** Sessions of a key that are being reset. */
  count(key: string): number {
    return this.#resetting.get(key)?.running.size ?? 0;
  }

  /** All sessions that are being reset. */
  get resetting(): readonly Physical[] {
    return Array.from(this.#resetting.values(), ({ running }) => [...running]).flat();
  }

  /**
   * A clean session of that key: an idle one, else one whose reset is about to end.
   * @returns null when a new one must be opened
   */
  async take(key: string): Promise<Physical | null> {
    for (;;) {
      const found = this.#deps.pool.take(key);
      if (found === null) return this.#awaitReset(key);
      const idleMs = this.#deps.clock.monotonicMs() - found.idleSinceMs;
      if (idleMs <= TRUSTED_IDLE_MS || (await this.#answers(found.physical))) return found.physical;
      this.#deps.discard(found.physical);
    }
  }

  /** Resets a session and keeps it, or hands it to a login that waits for one; discards it when anything is amiss. */
  async recycle(key: string, physical: Physical, end: GivenBack): Promise<void> {
    const entry: Resetting = this.#resetting.get(key) ?? { running: new Set(), waiting: [] };
    this.#resetting.set(key, entry);
    entry.running.add(physical);
    const clean = await this.#reset(physical, end);
    entry.running.delete(physical);
    if (entry.running.size === 0) this.#resetting.delete(key);
    if (!clean) this.#deps.discard(physical);
    else this.#handOn(key, physical, entry);
    while (entry.waiting.length > entry.running.size) entry.waiting.pop()?.(null);
  }

  #handOn(key: string, physical: Physical, { waiting }: Resetting): void {
    const next = waiting.shift();
    if (next === undefined) this.#deps.keep(key, physical);
    else next(physical);
  }

  async #reset(physical: Physical, end: GivenBack): Promise<boolean> {
    // A late cancel would hit whoever has the session next: the engine must have dealt with all of them first, and answered.
    const dealtWith = await Promise.all(physical.cancels);
    if (!dealtWith.every(Boolean)) return false;
    if (end.untouched === true && !physical.cancelled) return !physical.transport.closed;
    const engine = physical.request.engine.name;
    return this.#inTime(physical, RESET_TIMEOUT_MS, async (signal) => {
      physical.greeting = await resetSession(physical.transport, {
        engine,
        greeting: physical.greeting,
        refreshParameters: end.parametersChanged ?? true,
        signal,
      });
      physical.cancelled = false;
    });
  }

  #answers(physical: Physical): Promise<boolean> {
    return this.#inTime(physical, PROBE_TIMEOUT_MS, (signal) =>
      probeSession(physical.transport, physical.request.engine.name, signal),
    );
  }

  async #inTime(
    physical: Physical,
    timeoutMs: number,
    run: (signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    const engine = physical.request.engine.name;
    const time = deadline(this.#deps.clock, timeoutMs, () =>
      unreachable(engine, `no answer in ${timeoutMs} ms`),
    );
    try {
      await run(time.signal);
      return true;
    } catch (error) {
      this.#deps.log.debug({ engine, error: describeError(error) }, 'engine session is not re-used');
      return false;
    } finally {
      time.clear();
    }
  }

  #awaitReset(key: string): Promise<Physical | null> | null {
    const entry = this.#resetting.get(key);
    if (entry === undefined || entry.waiting.length >= entry.running.size) return null;
    return new Promise((resolve) => {
      const settle = (physical: Physical | null): void => {
        timer.cancel();
        resolve(physical);
      };
      const timer = this.#deps.clock.after(PATIENCE_MS, () => {
        entry.waiting.splice(entry.waiting.indexOf(settle), 1);
        resolve(null);
      });
      entry.waiting.push(settle);
    });
  }
}
