import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';

interface Bucket {
  level: number;
  at: number;
}

/** A rate limit per key: bursts up to `burst`, refilled at `perSecond`. Holds the `maxKeys` most recent keys only. */
export class TokenBuckets {
  readonly #buckets: LRUCache<string, Bucket>;
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #clock: Clock;

  constructor(options: { burst: number; perSecond: number; maxKeys: number }, clock: Clock) {
    this.#buckets = new LRUCache({ max: options.maxKeys });
    this.#burst = options.burst;
    this.#perSecond = options.perSecond;
    this.#clock = clock;
  }

  /** @returns whether the key had something left; takes one if so */
  take(key: string): boolean {
    const now = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(key) ?? { level: this.#burst, at: now };
    bucket.level = Math.min(this.#burst, bucket.level + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    const allowed = bucket.level >= 1;
    if (allowed) bucket.level -= 1;
    this.#buckets.set(key, bucket);
    return allowed;
  }

  /** Takes back a `take` that was not to count. */
  giveBack(key: string): void {
    const bucket = this.#buckets.get(key);
    if (bucket !== undefined) bucket.level = Math.min(this.#burst, bucket.level + 1);
  }
}
