import { getHeapStatistics } from 'node:v8';
import type { Clock } from '../../core/clock.ts';
import { fatal, GatewayError } from '../../core/errors.ts';

/** Bytes. */
export interface MemoryUse {
  readonly heapUsed: number;
  readonly heapLimit: number;
  /** Resident, of this process. */
  readonly resident: number;
  /** What this process may have of its container's memory; null: nobody set a limit. */
  readonly residentLimit: number | null;
}

/** Above that, nobody new is let in; what runs needs the rest. */
const FULL = 0.9;
const REMEMBER_MS = 250;

/**
 * Keeps new logins out while memory is scarce: a process that runs out of it is killed with all its sessions. Those who are in
 * stay, and as soon as some have left there is room again.
 */
export class MemoryGuard {
  readonly #clock: Clock;
  readonly #measure: () => MemoryUse;
  #verdict: { readonly atMs: number; readonly scarce: string | null } | null = null;

  constructor(clock: Clock, measure: () => MemoryUse) {
    this.#clock = clock;
    this.#measure = measure;
  }

  /** @throws GatewayError session.out_of_memory (53200) */
  check(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#verdict === null || nowMs - this.#verdict.atMs >= REMEMBER_MS) {
      this.#verdict = { atMs: nowMs, scarce: scarcity(this.#measure()) };
    }
    if (this.#verdict.scarce === null) return;
    throw new GatewayError(
      'session.out_of_memory',
      this.#verdict.scarce,
      fatal('53200', 'out of memory: the gateway takes no more sessions at the moment'),
    );
  }
}

/** @param processes that share a container's memory */
export function measureMemory(processes: number): () => MemoryUse {
  const limit = containerLimit();
  return () => {
    const { used_heap_size: heapUsed, heap_size_limit: heapLimit } = getHeapStatistics();
    const residentLimit = limit === null ? null : limit / processes;
    return { heapUsed, heapLimit, resident: process.memoryUsage.rss(), residentLimit };
  };
}

/** The control group's limit; null without one. Node answers 0, or more than a machine has, when there is none. */
function containerLimit(): number | null {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < 2 ** 50 ? limit : null;
}

function scarcity({ heapUsed, heapLimit, resident, residentLimit }: MemoryUse): string | null {
  if (heapUsed > FULL * heapLimit) {
    return `${megabytes(heapUsed)} of ${megabytes(heapLimit)} heap in use (--max-old-space-size)`;
  }
  if (residentLimit !== null && resident > FULL * residentLimit) {
    return `${megabytes(resident)} of ${megabytes(residentLimit)} memory in use (the container's limit)`;
  }
  return null;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
