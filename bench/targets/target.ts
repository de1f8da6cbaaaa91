/** Where the engine of a run listens: by TCP, and on a Unix socket where `path` says. */
export interface EngineAddress {
  readonly host: string;
  readonly port: number;
  /** Folder with a socket `.s.PGSQL.<port>`, as PostgreSQL makes it. */
  readonly socketDirectory?: string;
}

/** A running target. */
export interface Running {
  readonly port: number;
  /** Whose CPU time counts; none for the engine itself. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Something that stands between client and engine, or nothing. */
export interface Target {
  readonly name: string;
  /** Null when it can be run here, else what is missing. */
  missing(): string | null;
  start(engine: EngineAddress): Promise<Running>;
}
