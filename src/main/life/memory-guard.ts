import { PerformanceObserver, constants } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import type { Clock } from '../../core/clock.ts';
import { fatal, GatewayError } from '../../core/errors.ts';
import { oldGenerationLimit } from './heap-limit.ts';
import { sharedMemory, type SharedMemory } from './shared-memory.ts';

/** Bytes. */
export interface MemoryUse {
  /** Of the old generation, where all lands that stays; a process dies when it is full, however empty the young one is. */
  readonly heapUsed: number;
  /** What of that the last full collection left; null before the first. The rest may be garbage. */
  readonly heapLive: number | null;
  readonly heapLimit: number;
  /** Of all processes that count together: workers, their parent, an embedded PostgreSQL and whatever else is there. */
  readonly shared: readonly SharedMemory[];
}

/** Of the heap: above that, nobody new is let in; what runs needs the rest. */
const FULL = 0.9;
/** So much is for what runs even of a small heap: reading metrics takes some four megabytes. */
const LEAST_RESERVE = 16 * 2 ** 20;
/** When a full collection left less than that, most of what has come since is taken for garbage. */
const MOSTLY_LIVE = 0.75;
const REMEMBER_MS = 250;
/** A collection stops everything, for about a second per gigabyte: at most a fiftieth of all time goes to them. */
const COLLECT_EVERY_MS = 5_000;
const COLLECT_SHARE = 50;

/**
 * Keeps new logins out while memory is scarce: a process that runs out of it is killed with all its sessions. Those who are in
 * stay, and as soon as some have left there is room again.
 */
export class MemoryGuard {
  readonly #clock: Clock;
  readonly #measure: () => MemoryUse;
  readonly #collect: () => void;
  #collectDueMs = -Infinity;
  #verdict: { readonly atMs: number; readonly scarce: string | null } | null = null;

  /** @param collect makes garbage free memory */
  constructor(clock: Clock, measure: () => MemoryUse, collect: () => void) {
    this.#clock = clock;
    this.#measure = measure;
    this.#collect = collect;
  }

  /** @throws GatewayError session.out_of_memory (53200) */
  check(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#verdict === null || nowMs - this.#verdict.atMs >= REMEMBER_MS) {
      this.#verdict = { atMs: nowMs, scarce: this.#judge(nowMs) };
    }
    if (this.#verdict.scarce === null) return;
    throw new GatewayError(
      'session.out_of_memory',
      this.#verdict.scarce,
      fatal('53200', 'out of memory: the gateway takes no more sessions at the moment'),
    );
  }

  /** What looks full may be what those who have left held: nobody is refused for that. */
  #judge(nowMs: number): string | null {
    const scarce = scarcity(this.#measure());
    if (scarce === null || nowMs < this.#collectDueMs) return scarce;
    this.#collect();
    const tookMs = this.#clock.monotonicMs() - nowMs;
    this.#collectDueMs = nowMs + Math.max(COLLECT_EVERY_MS, COLLECT_SHARE * tookMs);
    return scarcity(this.#measure());
  }
}

interface Collection {
  readonly detail: { readonly kind: number };
}

export interface MemoryMeter {
  measure(): MemoryUse;
  close(): void;
}

export function createMemoryMeter(): MemoryMeter {
  const heapLimit = oldGenerationLimit(getHeapStatistics().heap_size_limit);
  let heapLive: number | null = null;
  const collections = new PerformanceObserver((list) => {
    // The types of Node 20 do not know what an entry of this kind has.
    for (const { detail } of list.getEntries() as unknown as readonly Collection[]) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) heapLive = oldGenerationUsed();
    }
  });
  collections.observe({ entryTypes: ['gc'] });
  return {
    measure: () => ({
      heapUsed: oldGenerationUsed(),
      heapLive,
      heapLimit,
      shared: sharedMemory(),
    }),
    close: () => collections.disconnect(),
  };
}

function oldGenerationUsed(): number {
  let used = 0;
  for (const { space_name: name, space_used_size: size } of getHeapSpaceStatistics()) {
    if (!name.startsWith('new_')) used += size;
  }
  return used;
}

function scarcity({ heapUsed, heapLive, heapLimit, shared }: MemoryUse): string | null {
  const isLive = heapLive === null || heapLive > MOSTLY_LIVE * heapLimit;
  if (heapUsed > fullAt(heapLimit) && isLive) {
    return `${megabytes(heapUsed)} of ${megabytes(heapLimit)} heap in use (--max-old-space-size)`;
  }
  for (const { whose, limit, used, reserve } of shared) {
    if (limit - used < reserve) return `${megabytes(used)} of ${megabytes(limit)} memory in use (${whose})`;
  }
  return null;
}

function fullAt(limit: number): number {
  return Math.min(FULL * limit, limit - LEAST_RESERVE);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
