import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/clock.ts';

export interface FailureLimiterOptions {
  /** Failures allowed at once. */
  readonly burst: number;
  /** Failures allowed a second in the long run. */
  readonly perSecond: number;
  /** How many senders are remembered; the one that was quiet longest is forgotten first. */
  readonly maxKeys: number;
  readonly clock: Clock;
}

interface Bucket {
  left: number;
  atMs: number;
}

/** Counts failures (only failures) per key as a token bucket, in bounded memory. */
export class FailureLimiter {
  readonly #options: FailureLimiterOptions;
  readonly #buckets: LRUCache<string, Bucket>;

  constructor(options: FailureLimiterOptions) {
    this.#options = options;
    this.#buckets = new LRUCache({ max: options.maxKeys });
  }

  /** Milliseconds until `key` may fail again; 0 when it may now. */
  waitMs(key: string): number {
    const { left } = this.#refilled(key);
    return left >= 1 ? 0 : Math.ceil(((1 - left) / this.#options.perSecond) * 1000);
  }

  /** Notes a failure. */
  spend(key: string): void {
    const bucket = this.#refilled(key);
    bucket.left -= 1;
    this.#buckets.set(key, bucket);
  }

  #refilled(key: string): Bucket {
    const { burst, perSecond, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return { left: burst, atMs: nowMs };
    const earned = ((nowMs - bucket.atMs) / 1000) * perSecond;
    return { left: Math.min(burst, bucket.left + earned), atMs: nowMs };
  }
}
