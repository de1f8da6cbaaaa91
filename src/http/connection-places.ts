import { addressBlock } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';

export interface ConnectionLimits {
  readonly max: number;
  /** Of IPv6: from one /64. */
  readonly maxPerAddress: number;
}

/** One connection's place. */
export interface ConnectionPlace {
  /** A request has come. */
  begin(): void;
  /** It was answered, or given up. */
  end(): void;
  /** The connection is gone. */
  leave(): void;
}

interface Entry {
  /** What its sender is held to. */
  readonly block: string | null;
  readonly close: () => void;
  /** Requests under way. */
  requests: number;
  idleSinceMs: number;
}

/** A request comes within milliseconds; who has just come, or was just answered, is not put out. */
const YOUNG_MS = 1000;

/**
 * Counts connections. When there are too many, the one that has been without a request for longest makes room: those kept for
 * later, and those whose headers never end, lose their places to those who ask for something.
 */
export class ConnectionPlaces {
  readonly #limits: () => ConnectionLimits;
  readonly #clock: Clock;
  readonly #all = new Set<Entry>();
  readonly #counts = new Map<string, number>();
  /** Those without a request, the longest first. */
  readonly #idle = new Set<Entry>();

  constructor(limits: () => ConnectionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * @param address null: of somebody who speaks for many, and is under the limit in all only
   * @param close what is to be done when the place is needed for somebody else
   * @returns null when there is no place
   */
  take(address: string | null, close: () => void): ConnectionPlace | null {
    const { max, maxPerAddress } = this.#limits();
    const block = address === null ? null : addressBlock(address);
    const count = block === null ? 0 : (this.#counts.get(block) ?? 0);
    if (count >= maxPerAddress && !this.#evict((entry) => entry.block === block)) return null;
    if (this.#all.size >= max && !this.#evict(() => true)) return null;
    const entry: Entry = { block, close, requests: 0, idleSinceMs: this.#clock.monotonicMs() };
    this.#all.add(entry);
    this.#idle.add(entry);
    if (block !== null) this.#counts.set(block, (this.#counts.get(block) ?? 0) + 1);
    return {
      begin: () => {
        entry.requests += 1;
        this.#idle.delete(entry);
      },
      end: () => {
        entry.requests -= 1;
        if (entry.requests > 0 || !this.#all.has(entry)) return;
        entry.idleSinceMs = this.#clock.monotonicMs();
        this.#idle.add(entry);
      },
      leave: () => this.#remove(entry),
    };
  }

  #evict(among: (entry: Entry) => boolean): boolean {
    for (const entry of this.#idle) {
      if (this.#clock.monotonicMs() - entry.idleSinceMs < YOUNG_MS) return false;
      if (!among(entry)) continue;
      this.#remove(entry);
      entry.close();
      return true;
    }
    return false;
  }

  #remove(entry: Entry): void {
    this.#idle.delete(entry);
    if (!this.#all.delete(entry) || entry.block === null) return;
    const left = (this.#counts.get(entry.block) ?? 1) - 1;
    if (left > 0) this.#counts.set(entry.block, left);
    else this.#counts.delete(entry.block);
  }
}
