import { createLog, type Log } from '../../src/core/log.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/store.ts';
import { createDatabase, type TestDatabase } from './database.ts';

export const silentLog: Log = createLog('silent');

export interface TestStore {
  readonly store: Store;
  readonly database: TestDatabase;
  /** Another process's view of the same store; closed with this one. */
  another(options?: Partial<StoreOptions>): Store;
  drop(): Promise<void>;
}

/** A migrated store in a database of its own. */
export async function createStore(
  prefix: string,
  { migrated = true }: { migrated?: boolean } = {},
): Promise<TestStore> {
  const database = await createDatabase(prefix);
  const opened: Store[] = [];
  const another = (options: Partial<StoreOptions> = {}) => {
    const store = openStore({ url: database.url, log: silentLog, ...options });
    opened.push(store);
    return store;
  };
  const store = another();
  if (migrated) await store.migrate();
  return {
    store,
    database,
    another,
    async drop() {
      await Promise.all(opened.map((one) => one.close()));
      await database.drop();
    },
  };
}
