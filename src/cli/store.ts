import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { createLog, type Log } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { Embedded } from '../embedded/embedded.ts';
import type { Store } from '../store/store.ts';
import { configOf } from './config-flags.ts';
import type { Terminal } from './terminal.ts';

export interface Surroundings {
  readonly config: Config;
  readonly log: Log;
  /** Null when the store is the operator's own. */
  readonly embedded: Embedded | null;
}

const MOST_CONNECTIONS = 2;

/**
 * Opens the store that the configuration names, whatever its schema, or the embedded one, which runs for the time of `work`
 * if nobody else has it running; closes it afterwards.
 */
export async function withStore<T>(
  command: Command,
  terminal: Terminal,
  work: (store: Store, surroundings: Surroundings) => Promise<T>,
): Promise<T> {
  const { config, origins } = configOf(command, terminal);
  // People wait for this; what the modules log is for them only when they ask for it.
  const log = createLog(origins.has('log.level') ? config.log.level : 'error');
  const { url } = config.store;
  if (url !== null) return useStore(url, log, (store) => work(store, { config, log, embedded: null }));
  return withEmbedded({ config, log }, (embedded) =>
    useStore(embedded.storeUrl, log, (store) => work(store, { config, log, embedded })),
  );
}

async function useStore<T>(url: Secret, log: Log, work: (store: Store) => Promise<T>): Promise<T> {
  const { openStore } = await import('../store/store.ts');
  const options = { url: url.reveal(), log, poolSize: MOST_CONNECTIONS, applicationName: 'patgate-cli' };
  const store = openStore(options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The embedded PostgreSQL, for the time of `work`. */
export async function withEmbedded<T>(
  { config, log }: Pick<Surroundings, 'config' | 'log'>,
  work: (embedded: Embedded) => Promise<T>,
): Promise<T> {
  const { ensureEmbedded } = await import('../embedded/embedded.ts');
  const embedded = await ensureEmbedded({ dataDir: config.dataDir, log });
  try {
    return await work(embedded);
  } finally {
    await embedded.close();
  }
}
