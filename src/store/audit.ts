import type { StoreTransaction } from './store.ts';

export const AUDIT_ACTIONS = [
  'login',
  'http.login',
  'http.logout',
  'http.bearer',
  'token.issue',
  'token.rotate',
  'token.revoke',
  'token.edit',
  'token.exchange',
  'token.leaked',
  'policy.set',
  'user.add',
  'user.set',
  'user.password',
  'user.disable',
  'user.enable',
  'user.remove',
  'group.add',
  'group.remove',
  'group.member_add',
  'group.member_remove',
  'privilege.grant',
  'privilege.ungrant',
  'session.close',
  'session.kill',
  'audit.prune',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export interface AuditEntry {
  /** Now, when left out. */
  readonly at?: Date;
  readonly action: AuditAction;
  /** `refused`: the caller may not. `failed`: it could not be done. */
  readonly outcome: 'ok' | 'refused' | 'failed';
  readonly actor: {
    readonly uid: string | null;
    /** As given by the caller when nobody was proved. */
    readonly name: string;
    readonly via: string;
    /** The token by which the actor came. */
    readonly tid: string | null;
  };
  readonly target?: {
    readonly kind: string;
    readonly id: string | null;
    readonly name: string | null;
  } | null;
  readonly address?: string | null;
  readonly application?: string | null;
  /** The true reason: an error code or words. Never a secret. */
  readonly reason?: string | null;
  /** Small facts, such as what a policy was before. */
  readonly detail?: Readonly<Record<string, unknown>> | null;
}

export interface AuditRow extends Required<AuditEntry> {
  readonly seq: number;
  /** Hexadecimal. */
  readonly hash: string;
}

export interface AuditQuery {
  readonly action?: AuditAction;
  readonly outcome?: AuditEntry['outcome'];
  /** Actor or target. */
  readonly uid?: string;
  /** Name of who did it, exactly; also of those who were never proved to be anyone. */
  readonly actor?: string;
  /** Name or id of what it was done to, exactly. */
  readonly target?: string;
  readonly tid?: string;
  readonly from?: Date;
  readonly before?: Date;
  /** 1 to 1,000; 100 when left out. */
  readonly limit?: number;
  /** Rows older than this one. */
  readonly beforeSeq?: number;
}

/** Logins over the wire in one hour that ended alike. */
export interface LoginCount {
  /** When the hour begins. */
  readonly hour: Date;
  /** How the login was proved; null where it was not. */
  readonly method: string | null;
  readonly outcome: AuditEntry['outcome'];
  readonly count: number;
}

export type AuditVerdict =
  | { readonly ok: true; readonly rows: number; readonly firstSeq: number | null; readonly lastSeq: number }
  | {
      readonly ok: false;
      /** First row at which the chain breaks. */ readonly seq: number;
      readonly problem: string;
    };

/** Append-only, hash-chained. */
export interface Audit {
  /**
   * Written behind, in order, within about 100 ms: for logins and sessions. Never throws; a store that is away is tried
   * again, and what can not be kept in memory any longer is counted and logged.
   */
  note(entry: AuditEntry): void;
  /**
   * Written as part of a transaction: for changes, so that none goes without its row. Comes last in it, since all others who
   * append wait from then on.
   */
  append(entries: AuditEntry | readonly AuditEntry[], trx: StoreTransaction): Promise<void>;
  /** Newest first. */
  list(query?: AuditQuery): Promise<readonly AuditRow[]>;
  /** Hours without a login are left out; oldest first. */
  loginsPerHour(from: Date, before: Date): Promise<readonly LoginCount[]>;
  /**
   * Reads the whole chain. Finds a row that was changed, deleted or inserted. Whoever asks while it is being read gets the verdict of
   * that reading.
   * @param signal says that the caller waits no longer; when nobody does, the reading ends
   */
  verify(signal?: AbortSignal | null): Promise<AuditVerdict>;
  /**
   * Removes rows older than that, leaving an anchor from which the rest still verifies; bit by bit, while others write.
   * @param signal stops it
   * @returns how many
   */
  prune(before: Date, signal: AbortSignal): Promise<number>;
  flush(): Promise<void>;
  /** Flushes and stops. */
  close(): Promise<void>;
}
