import type { Kysely, Transaction } from 'kysely';
import type { Pool } from 'pg';
import type { Database } from './schema.ts';

export type StoreTransaction = Transaction<Database>;

export interface Store {
  readonly db: Kysely<Database>;
  /** For prepared statements. */
  readonly pool: Pool;
  /** Brings the schema up to date; safe when several processes do so at once. @returns names of the steps taken */
  migrate(): Promise<readonly string[]>;
  /** Whether the schema is what this version needs. */
  isMigrated(): Promise<boolean>;
  /** @throws GatewayError store.unreachable, store.read_only */
  ping(): Promise<void>;
  /** Runs `work` in a transaction, again when the store says that two of them met. */
  transaction<T>(work: (trx: StoreTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
