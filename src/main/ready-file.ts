import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Demo } from './demo.ts';

/** What scripts and tests need to know of a gateway that serves. */
export interface ReadyInfo {
  readonly pid: number;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly http: { readonly url: string } | null;
  readonly metrics: { readonly url: string } | null;
  readonly caFile: string | null;
  readonly storeUrl: string;
  /** Only with the embedded engine. */
  readonly demo?: Demo;
}

/**
 * Written in one step, so that whoever sees the file can read all of it, and for its owner only: it holds secrets.
 * @throws the file system's error
 */
export function writeReadyFile(file: string, info: ReadyInfo): void {
  const partial = `${file}.${randomUUID()}.tmp`;
  try {
    writeFileSync(partial, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(partial, file);
  } finally {
    rmSync(partial, { force: true });
  }
}

/** A gateway that no longer serves must not look ready. */
export function removeReadyFile(file: string): void {
  rmSync(file, { force: true });
}
