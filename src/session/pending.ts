import type { Clock } from '../core/clock.ts';

export interface PendingLimits {
  /** Connections that have not logged in yet, in all and from one address. */
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
  /** Null: a balancer's, which has not told whom it speaks for. */
  address: string | null;
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
  /** The oldest first, in all and of each address that is a client's. */
  readonly #all = new Set<Entry>();
  readonly #byAddress = new Map<string, Set<Entry>>();

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
    if (!this.#roomFrom(address)) return null;
    const { max } = this.#limits();
    if (this.#all.size >= max && !this.#evictOldest(this.#all) && !this.#evictFromHeaviest(address))
      return null;
    const entry: Entry = { address, sinceMs: this.#clock.monotonicMs(), close: () => undefined };
    this.#all.add(entry);
    this.#count(entry);
    return {
      settled: () => this.#remove(entry),
      comesFrom: (client) => this.#comesFrom(entry, client),
      whenEvicted(close) {
        entry.close = close;
      },
    };
  }

  #comesFrom(entry: Entry, client: string): void {
    if (!this.#all.has(entry)) return;
    this.#uncount(entry);
    if (this.#roomFrom(client)) {
      entry.address = client;
      this.#count(entry);
    } else {
      this.#all.delete(entry);
      entry.close();
    }
  }

  #roomFrom(address: string | null): boolean {
    const fromThere = address === null ? undefined : this.#byAddress.get(address);
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
  #evictFromHeaviest(address: string | null): boolean {
    let heaviest = new Set<Entry>();
    for (const entries of this.#byAddress.values()) if (entries.size > heaviest.size) heaviest = entries;
    const own = address === null ? 0 : (this.#byAddress.get(address)?.size ?? 0);
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
    const { address } = entry;
    if (address === null) return;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? new Set<Entry>()).add(entry));
  }

  #uncount(entry: Entry): void {
    const { address } = entry;
    const fromThere = address === null ? undefined : this.#byAddress.get(address);
    fromThere?.delete(entry);
    if (address !== null && fromThere?.size === 0) this.#byAddress.delete(address);
  }
}
