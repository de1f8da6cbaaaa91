import type { Config } from '../config/config.ts';
import type { Log } from '../core/log.ts';
import { ensureEmbedded, type Embedded } from '../embedded/embedded.ts';

/**
 * Starts the embedded PostgreSQL when the configuration needs it. Stands on little code, so that it can begin before the rest
 * of the gateway has been read.
 * @returns null when store and engines are the operator's own
 * @throws RequestError embedded.failed
 */
export async function embeddedFor(config: Config, log: Log): Promise<Embedded | null> {
  if (config.store.url !== null && config.engines.size > 0) return null;
  return ensureEmbedded({ dataDir: config.dataDir, log });
}
