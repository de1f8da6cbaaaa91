import type { Target } from './names.ts';
import type { RawValue } from './value-types.ts';

export type Origin = 'flag' | 'environment' | 'file' | 'default';

/** One value in one source, not yet understood. */
export interface Entry {
  readonly target: Target;
  readonly raw: RawValue;
  /** How an error line names the place: `--store-url`, `PATGATE_STORE_URL`, `/etc/patgate.toml: store.url`. */
  readonly where: string;
  readonly baseDir: string;
}

/** What one source says, and what in it makes no sense. */
export interface Layer {
  readonly origin: Exclude<Origin, 'default'>;
  readonly entries: readonly Entry[];
  readonly problems: readonly string[];
}
