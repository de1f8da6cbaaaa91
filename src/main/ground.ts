import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import type { Embedded } from '../embedded/embedded.ts';
import { developmentNames, developmentTls } from '../tls/development.ts';
import type { EmbeddedEngine } from './engine-options.ts';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** What clients should trust; null when the operator did not say. */
  readonly caFile: string | null;
}

/** What a gateway stands on, prepared once and the same for all its processes. */
export interface Ground {
  readonly storeUrl: Secret;
  /** Null with engines and a store of the operator's own. */
  readonly embedded: EmbeddedEngine | null;
  /** Towards SQL clients; null: TLS is off. */
  readonly tls: CertificateFiles | null;
}

/** @throws the file system's error */
export async function prepareGround(config: Config, embedded: Embedded | null): Promise<Ground> {
  const storeUrl = config.store.url ?? embedded?.storeUrl;
  if (storeUrl === undefined) throw new Error('no store is configured and none is embedded');
  return { storeUrl, embedded, tls: await certificateFiles(config) };
}

/** The operator's certificate, or one of our own making. @returns null when TLS is off */
export async function certificateFiles(config: Config): Promise<CertificateFiles | null> {
  if (config.tls.mode === 'off') return null;
  const { certFile, keyFile, caFile } = config.tls;
  if (certFile !== null && keyFile !== null) return { certFile, keyFile, caFile };
  const { postgres, publicAddress } = config.listen;
  const names = developmentNames([postgres.host, ...(publicAddress === null ? [] : [publicAddress.host])]);
  return developmentTls(join(config.dataDir, 'tls'), { names, now: systemClock.now() });
}
