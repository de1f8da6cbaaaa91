import { addressBlock } from '../core/address.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Audit, AuditEntry } from './audit.ts';

/** A login, over the wire or HTTP, of somebody who proved nothing. */
export type RefusedEntry = AuditEntry & { readonly address: string; readonly reason: string };

export interface FoldedRefusalsOptions {
  readonly audit: Pick<Audit, 'note'>;
  readonly clock: Clock;
  readonly windowMs?: number;
  /** Rows of their own in one window: of one block of addresses, and in all. */
  readonly ownPerBlock?: number;
  readonly ownInAll?: number;
  /** Rows that stand for many, in one window; what has no place in one of its own is told without an address. */
  readonly mostFolds?: number;
}

interface Fold {
  readonly first: RefusedEntry;
  readonly address: string | null;
  count: number;
  readonly from: Date;
  to: Date;
}

/** Who is meant by none of the names in particular. */
const SEVERAL = { uid: null, name: '(several)', via: 'unproved', tid: null } as const;

/**
 * Logins that anybody can have refused, by the thousand, for as little as a start-up packet: the first ones in a while are rows
 * of their own in the audit, so that guessing shows with the names that are tried; the others are counted, and told by one row
 * for each block of addresses, action and reason when the while is over.
 */
export class FoldedRefusals {
  readonly #options: Required<FoldedRefusalsOptions>;
  /** Rows of their own in this window. */
  readonly #own = new Map<string, number>();
  #ownInAll = 0;
  readonly #folds = new Map<string, Fold>();
  #window: Timer | null = null;
  #isClosed = false;

  constructor(options: FoldedRefusalsOptions) {
    this.#options = { windowMs: 60_000, ownPerBlock: 60, ownInAll: 600, mostFolds: 200, ...options };
  }

  note(entry: RefusedEntry): void {
    const { audit, clock, windowMs, ownPerBlock, ownInAll } = this.#options;
    if (!this.#isClosed) this.#window ??= clock.after(windowMs, () => this.flush());
    const block = addressBlock(entry.address);
    const own = this.#own.get(block) ?? 0;
    if (!this.#isClosed && (own >= ownPerBlock || this.#ownInAll >= ownInAll)) {
      this.#fold(block, entry);
      return;
    }
    this.#own.set(block, own + 1);
    this.#ownInAll += 1;
    audit.note(entry);
  }

  /** Folds nothing any more. To be called before the audit is closed. */
  close(): void {
    this.#isClosed = true;
    this.flush();
  }

  /** Ends the window: what was counted is told. */
  flush(): void {
    this.#window?.cancel();
    this.#window = null;
    this.#own.clear();
    this.#ownInAll = 0;
    const folds = [...this.#folds.values()];
    this.#folds.clear();
    for (const fold of folds) this.#options.audit.note(entryOf(fold));
  }

  #fold(block: string, entry: RefusedEntry): void {
    const at = entry.at ?? this.#options.clock.now();
    const kind = `${entry.action} ${entry.outcome} ${entry.reason}`;
    const own = `${block} ${kind}`;
    const hasPlace = this.#folds.has(own) || this.#folds.size < this.#options.mostFolds;
    // Reasons are few, so these are, too.
    const key = hasPlace ? own : kind;
    const fold = this.#folds.get(key);
    if (fold === undefined) {
      const address = hasPlace ? entry.address : null;
      this.#folds.set(key, { first: { ...entry, at }, address, count: 1, from: at, to: at });
      return;
    }
    fold.count += 1;
    fold.to = at;
  }
}

function entryOf({ first, address, count, from, to }: Fold): AuditEntry {
  if (count === 1) return first;
  const { action, outcome, reason } = first;
  return { action, outcome, actor: SEVERAL, address, reason, detail: { folded: count, from, to } };
}
