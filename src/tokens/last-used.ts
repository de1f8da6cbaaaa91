export interface Use {
  readonly at: Date;
  readonly address: string | null;
  readonly application: string | null;
}

/** Remembers when tokens were used, and writes that behind, in batches, never on the path of a login. */
export interface LastUsed {
  note(tid: string, use: Use): void;
  /** Writes what is waiting. */
  flush(): Promise<void>;
  /** Flushes and stops. */
  close(): Promise<void>;
}
