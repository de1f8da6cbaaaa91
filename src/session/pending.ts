export interface PendingLimits {
  /** Connections that have not logged in yet, in all and from one address. */
  readonly max: number;
  readonly maxPerAddress: number;
}

/** Counts connections whose login is not settled, so that a flood of half-open logins leaves room for the sessions that run. */
export class PendingConnections {
  readonly #limits: () => PendingLimits;
  readonly #perAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: () => PendingLimits) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /** @returns gives the place back, once; null when there is none left */
  take(address: string): (() => void) | null {
    const { max, maxPerAddress } = this.#limits();
    const fromThere = this.#perAddress.get(address) ?? 0;
    if (this.#total >= max || fromThere >= maxPerAddress) return null;
    this.#total += 1;
    this.#perAddress.set(address, fromThere + 1);
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#giveBack(address);
    };
  }

  #giveBack(address: string): void {
    this.#total -= 1;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}
