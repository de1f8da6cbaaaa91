import type { StoreTransaction } from '../store.ts';

/** One step of the schema, forward only. Once released it never changes. */
export interface Migration {
  readonly name: string;
  up(trx: StoreTransaction): Promise<void>;
}
