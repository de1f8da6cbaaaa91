import type { Config } from '../config/config.ts';
import { DAY_MS, formatDuration } from '../core/duration.ts';
import { loadServerTls } from '../tls/server-tls.ts';

/** A certificate that runs out within this time is worth a word. */
const SOON_MS = 30 * DAY_MS;

export interface TlsReport {
  /** `expired`: clients that verify will refuse it. */
  readonly state: 'fine' | 'soon' | 'expired';
  /** What was found, for people. */
  readonly text: string;
}

/**
 * Reads the certificate and key that SQL clients will see.
 * @throws GatewayError config.invalid
 */
export async function checkTls({ tls }: Config, now: Date): Promise<TlsReport> {
  const { certFile, keyFile } = tls;
  if (certFile === null || keyFile === null) {
    const text = 'a development certificate, made at the start: clients must be given its CA file';
    return { state: 'fine', text };
  }
  const { certificate } = (await loadServerTls({ certFile, keyFile })).current();
  const leftMs = Date.parse(certificate.validTo) - now.getTime();
  const names = certificate.subjectAltName ?? certificate.subject.replaceAll('\n', ', ');
  if (leftMs <= 0) return { state: 'expired', text: `${names}: expired ${formatDuration(-leftMs)} ago` };
  return {
    state: leftMs < SOON_MS ? 'soon' : 'fine',
    text: `${names}: good for ${formatDuration(leftMs)} more`,
  };
}
