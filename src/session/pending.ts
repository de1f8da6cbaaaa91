import { addressBlock } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';

export interface PendingLimits {
  /** Connections that have not logged in yet, in all and from one address or, of IPv6, one /64. */
  readonly max: number;
  readonly maxPerAddress: number;
}

/** One connection's place among those that have not logged in. */
export interface PendingPlace {
  /** It has logged in, or has gone. */
  settled(): void;
  /** Whose connection it is, when a balancer has told: from here on it counts among that address's. It may lose its place. */
  comesFrom(address: string): void;
  /** @param close what is to be done when the place is needed for somebody else; takes the place of what was given before */
  whenEvicted(close: () => void): void;
}

interface Entry {
  /** What its sender is held to. Null: a balancer's, which has not told whom it speaks for. */
  block: string | null;
  readonly sinceMs: number;
  close: () => void;
}

/** A login takes milliseconds; whoever is younger may yet be done, and is not put out. */
const YOUNG_MS = 1000;
/** So many times the places of the one who comes are too many. */
const MORE = 2;

/**
 * Counts connections whose login is not settled. When there are too many, the one that has kept its place for longest is
 * closed: those who only hold places lose them to those who come to log in. In a flood of new ones, addresses share the places.
 */
export class PendingConnections {
  readonly #limits: () => PendingLimits;
  readonly #clock: Clock;
  /** The oldest first, in all and of each address, or /64, that is a client's. */
  readonly #all = new Set<Entry>();
  readonly #byBlock = new Map<string, Set<Entry>>();

  constructor(limits: () => PendingLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get total(): number {
    return this.#all.size;
  }

  /**
   * @param address null for a balancer that will say whom it speaks for: until then only the limit in all holds
   * @returns null when there is no place, nor anybody who has had one for long
   */
  take(address: string | null): PendingPlace | null {
    const block = address === null ? null : addressBlock(address);
    if (!this.#roomFrom(block)) return null;
    const { max } = this.#limits();
    if (this.#all.size >= max && !this.#evictOldest(this.#all) && !this.#evictFromHeaviest(block))
      return null;
    const entry: Entry = { block, sinceMs: this.#clock.monotonicMs(), close: () => undefined };
    this.#all.add(entry);
    this.#count(entry);
    return {
      settled: () => this.#remove(entry),
      comesFrom: (client) => this.#comesFrom(entry, addressBlock(client)),
      whenEvicted(close) {
        entry.close = close;
      },
    };
  }

  #comesFrom(entry: Entry, block: string): void {
    if (!this.#all.has(entry)) return;
    this.#uncount(entry);
    if (this.#roomFrom(block)) {
      entry.block = block;
      this.#count(entry);
    } else {
      this.#all.delete(entry);
      entry.close();
    }
  }

  #roomFrom(block: string | null): boolean {
    const fromThere = block === null ? undefined : this.#byBlock.get(block);
    return (
      fromThere === undefined || fromThere.size < this.#limits().maxPerAddress || this.#evictOldest(fromThere)
    );
  }

  #evictOldest(among: ReadonlySet<Entry>): boolean {
    const [oldest] = among;
    if (oldest === undefined || this.#clock.monotonicMs() - oldest.sinceMs < YOUNG_MS) return false;
    this.#remove(oldest);
    oldest.close();
    return true;
  }

  /** Where all are young, an address that holds many places gives one to an address that holds few. */
  #evictFromHeaviest(block: string | null): boolean {
    let heaviest = new Set<Entry>();
    for (const entries of this.#byBlock.values()) if (entries.size > heaviest.size) heaviest = entries;
    const own = block === null ? 0 : (this.#byBlock.get(block)?.size ?? 0);
    const [oldest] = heaviest;
    if (oldest === undefined || heaviest.size <= MORE * (own + 1)) return false;
    this.#remove(oldest);
    oldest.close();
    return true;
  }

  #remove(entry: Entry): void {
    if (this.#all.delete(entry)) this.#uncount(entry);
  }

  #count(entry: Entry): void {
    const { block } = entry;
    if (block === null) return;
    this.#byBlock.set(block, (this.#byBlock.get(block) ?? new Set<Entry>()).add(entry));
  }

  #uncount(entry: Entry): void {
    const { block } = entry;
    const fromThere = block === null ? undefined : this.#byBlock.get(block);
    fromThere?.delete(entry);
    if (block !== null && fromThere?.size === 0) this.#byBlock.delete(block);
  }
}
