import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { createLog, type Log } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import { ensureEmbedded, type Embedded } from '../embedded/embedded.ts';
import { openStore, type Store } from '../store/store.ts';
import { configOf } from './config-flags.ts';
import type { Terminal } from './terminal.ts';

export interface OpenedStore {
  readonly store: Store;
  readonly config: Config;
  readonly log: Log;
  /** Null when the store is the operator's own. */
  readonly embedded: Embedded | null;
}

/**
 * Opens the store that the configuration names, or the embedded one, which is started for the time of the command if it
 * does not run; does the work, and closes everything again.
 */
export async function withStore<T>(
  command: Command,
  terminal: Terminal,
  work: (opened: OpenedStore) => Promise<T>,
): Promise<T> {
  const { config, origins } = configOf(command, terminal);
  // People wait for this; what the modules log is for them only when they ask for it.
  const log = createLog(origins.has('log.level') ? config.log.level : 'error');
  const { url } = config.store;
  if (url !== null) return useStore(url, log, (store) => work({ store, config, log, embedded: null }));
  const embedded = await ensureEmbedded({ dataDir: config.dataDir, log });
  try {
    return await useStore(embedded.storeUrl, log, (store) => work({ store, config, log, embedded }));
  } finally {
    await embedded.close();
  }
}

async function useStore<T>(url: Secret, log: Log, work: (store: Store) => Promise<T>): Promise<T> {
  const store = openStore({ url: url.reveal(), log, poolSize: 2, applicationName: 'patgate-cli' });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
