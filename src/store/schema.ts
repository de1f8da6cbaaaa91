import type { ColumnType, Generated } from 'kysely';

/** PostgreSQL schema that holds all tables, so that the store can share a database with other things. */
export const SCHEMA = 'patgate';

/** Tables of the store. The statements that make them are in migrations/. */
export interface Database {
  readonly settings: SettingsTable;
  readonly users: UsersTable;
  readonly groups: GroupsTable;
  readonly members: MembersTable;
  readonly grants: GrantsTable;
  readonly tokens: TokensTable;
  readonly http_sessions: HttpSessionsTable;
  readonly policy: PolicyTable;
  readonly policy_changes: PolicyChangesTable;
  readonly audit: AuditTable;
  readonly audit_head: AuditHeadTable;
  readonly events: EventsTable;
  readonly leases: LeasesTable;
  readonly processes: ProcessesTable;
  readonly live_sessions: LiveSessionsTable;
  readonly notices: NoticesTable;
}

/** Times have milliseconds, as JavaScript's, so that they survive the way there and back unchanged. */
type Time = Date;
type List = ColumnType<string[] | null, readonly string[] | null, readonly string[] | null>;

export interface SettingsTable {
  name: string;
  value: Buffer;
}

export interface UsersTable {
  uid: string;
  numeric_id: Generated<number>;
  name: string;
  email: string | null;
  display_name: string | null;
  kind: 'person' | 'service';
  application_id: string | null;
  scram_salt: Buffer;
  scram_iterations: number;
  /** `SCRAM-SHA-256$…` as PostgreSQL writes it, or an argon2id PHC string. */
  password: string | null;
  /** Grows each time that the password is set. */
  password_version: Generated<number>;
  engine_role: string | null;
  default_database: string | null;
  databases: List;
  networks: List;
  created_at: Time;
  disabled_at: Time | null;
  removed_at: Time | null;
}

export interface GroupsTable {
  gid: string;
  name: string;
  created_at: Time;
}

export interface MembersTable {
  gid: string;
  uid: string;
}

export interface GrantsTable {
  privilege: 'can_use' | 'manage_all' | 'admin';
  /** uid or gid */
  grantee: string;
  grantee_kind: 'user' | 'group';
  created_at: Time;
}

export interface TokensTable {
  tid: string;
  uid: string;
  creator_uid: string | null;
  creator_name: string;
  label: string;
  description: string | null;
  prefix: string;
  digest: Buffer;
  stored_key: Buffer;
  server_key: Buffer;
  created_at: Time;
  expires_at: Time | null;
  retires_at: Time | null;
  last_used_at: Time | null;
  last_used_from: string | null;
  last_used_application: string | null;
  role: string | null;
  /** An administrator gave a role that was not the owner's. */
  role_granted: Generated<boolean>;
  databases: List;
  networks: List;
  max_sessions: number | null;
  scopes: ColumnType<string[], readonly string[], readonly string[]>;
  revoked_at: Time | null;
  revoke_reason: string | null;
  rotated_from: string | null;
  rotated_to: string | null;
  idempotency_key: string | null;
}

export interface HttpSessionsTable {
  digest: Buffer;
  kind: 'login' | 'exchange' | 'web';
  uid: string;
  /** The personal access token that it was opened with. */
  tid: string | null;
  /** Only of exchanged tokens, which may also log in to the wire. */
  stored_key: Buffer | null;
  server_key: Buffer | null;
  created_at: Time;
  expires_at: Time;
}

export interface PolicyTable {
  id: number;
  version: number;
  tokens_enabled: boolean;
  max_lifetime_ms: number;
  default_lifetime_ms: number;
  never_expiring_allowed: boolean;
  revoke_unused_days: number;
  create_and_use: 'everyone' | 'granted';
  max_live_tokens_per_user: number;
  rotation_overlap_ms: number;
  expiry_notice_days: number;
  audit_retention_days: number;
  networks: List;
}

export interface PolicyChangesTable {
  version: number;
  at: Time;
  by_uid: string | null;
  by_name: string;
  before: ColumnType<Record<string, unknown>, string, string>;
  after: ColumnType<Record<string, unknown>, string, string>;
}

export interface AuditTable {
  seq: number;
  at: Time;
  action: string;
  outcome: string;
  actor_uid: string | null;
  actor_name: string;
  actor_via: string;
  actor_tid: string | null;
  target_kind: string | null;
  target_id: string | null;
  target_name: string | null;
  address: string | null;
  application: string | null;
  reason: string | null;
  /** JSON as text, since its hash must be that of what was written. */
  detail: string | null;
  hash: Buffer;
}

/** One row: where the chain ends, and where it begins since rows were pruned. */
export interface AuditHeadTable {
  id: number;
  seq: number;
  hash: Buffer;
  anchor_seq: number;
  anchor_hash: Buffer;
}

export interface EventsTable {
  id: Generated<number>;
  at: Generated<Time>;
  event: ColumnType<unknown, string, never>;
}

export interface LeasesTable {
  name: string;
  holder: string;
  expires_at: Time;
}

export interface ProcessesTable {
  process: string;
  host: string;
  process_id: number;
  seen_at: Time;
}

export interface LiveSessionsTable {
  sid: string;
  process: string;
  uid: string;
  user_name: string;
  tid: string | null;
  label: string | null;
  mechanism: string;
  engine: string;
  database: string;
  role: string;
  engine_process_id: number;
  address: string;
  application: string | null;
  tls: string | null;
  started_at: Time;
}

/** Which owner was told by which channel that the token is about to expire. */
export interface NoticesTable {
  tid: string;
  channel: string;
  sent_at: Time;
}
