/** A running session, as the directory of all processes shows it. */
export interface LiveSession {
  /** UUID made by the process that runs it. */
  readonly sid: string;
  readonly uid: string;
  readonly user: string;
  /** Null when proved by a password. */
  readonly tid: string | null;
  readonly label: string | null;
  readonly mechanism: string;
  readonly engine: string;
  readonly database: string;
  readonly role: string;
  /** The engine's backend process. */
  readonly engineProcessId: number;
  readonly address: string;
  readonly application: string | null;
  readonly tls: string | null;
  readonly startedAt: Date;
}

export interface ListedSession extends LiveSession {
  /** Host and operating system process that runs it. */
  readonly host: string;
  readonly processId: number;
}

export interface SessionQuery {
  readonly uid?: string;
  readonly tid?: string;
  /** Only these. */
  readonly sids?: readonly string[];
  /** Part of the user's name, application, address, database, role or token label, in any case. */
  readonly search?: string;
  /** Those behind this one in the list. */
  readonly before?: { readonly startedAt: Date; readonly sid: string };
  /** 1 to 10,000; 1,000 when left out. */
  readonly limit?: number;
}

export interface SessionCountQuery {
  readonly uid?: string;
  /** As in a list. */
  readonly search?: string;
  /** Only those that were opened with a token. */
  readonly byToken?: boolean;
}

/** Which sessions run anywhere. Each process writes its own behind, in batches; those of a dead process drop out by themselves. */
export interface LiveSessions {
  opened(session: LiveSession): void;
  closed(sid: string): void;
  /** Newest first, of all processes. May be a second behind. */
  list(query?: SessionQuery): Promise<readonly ListedSession[]>;
  /** How many there are now, all told. */
  count(query: SessionCountQuery): Promise<number>;
  /** How many run by each of these tokens (of one user); those without any are left out. */
  countByToken(tids: readonly string[], uid?: string): Promise<ReadonlyMap<string, number>>;
  flush(): Promise<void>;
  /** Takes out the sessions of another process of this host that is known to be dead. */
  buried(processId: number): Promise<void>;
  /** Flushes, takes this process's sessions out, and stops. */
  close(): Promise<void>;
}
