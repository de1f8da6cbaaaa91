import { GatewayError, fatal } from '../core/errors.ts';
import type { Store } from './store.ts';

/** @returns the 32 random bytes that the first migration made, the same for all replicas */
export async function readStoreSecret(store: Store): Promise<Buffer> {
  const row = await store.db
    .selectFrom('settings')
    .select('value')
    .where('name', '=', 'secret')
    .executeTakeFirst();
  if (row !== undefined) return row.value;
  throw new GatewayError(
    'store.not_migrated',
    'the store has lost its secret (table patgate.settings)',
    fatal('57P03', 'logins are unavailable: the token store cannot be used at the moment'),
  );
}
