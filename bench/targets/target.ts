import type { Ground } from '../ground.ts';
import type { DatabaseName } from '../names.ts';
import type { LoopWatch } from './loop-watch.ts';

/** Where a client connects for a database, and as whom. */
export interface Door {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** A running target. */
export interface Running {
  /** Whose CPU time and memory count; none for the engine itself. */
  readonly pids: readonly number[];
  door(database: DatabaseName): Door;
  /** The same as by password, with tokens; only where there are any. */
  readonly tokens?: Tokens;
  /** Where the target has an event loop that can be watched. */
  readonly loop?: LoopWatch;
  stop(): Promise<void>;
}

export interface Tokens {
  /** In cleartext, over TLS. */
  cleartext(database: DatabaseName): Door;
  /** By SCRAM. */
  scram(database: DatabaseName): Door;
}

/** Something that stands between client and engine, or nothing. */
export interface Target {
  readonly name: string;
  /** Null when it can be run here, else what is missing. */
  missing(): string | null;
  start(ground: Ground): Promise<Running>;
}
