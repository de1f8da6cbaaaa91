import { effectivePrivileges, type Privilege } from '../accounts/actor.ts';
import { parseStoredPassword } from '../accounts/password.ts';
import type { PrincipalKind } from '../accounts/principal.ts';
import type { AccountCredentials, AccountWithTokens, TokenCredential } from './credentials.ts';

/** What the statements of credential-statements.ts answer. */
export interface CredentialRow {
  readonly uid: string;
  readonly name: string;
  readonly email: string | null;
  readonly kind: PrincipalKind;
  readonly disabled: boolean;
  readonly engine_role: string | null;
  readonly default_database: string | null;
  readonly databases: readonly string[] | null;
  readonly scram_salt: Buffer;
  readonly scram_iterations: number;
  readonly password: string | null;
  readonly tokens_enabled: boolean;
  readonly everyone_may: boolean;
  readonly grants: readonly Privilege[];
  readonly tokens: readonly TokenJson[];
}

interface TokenJson {
  readonly tid: string;
  readonly label: string;
  readonly prefix: string;
  /** base64 */
  readonly stored_key: string;
  readonly server_key: string;
  /** Milliseconds since 1970. */
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly retires_at: number | null;
  readonly revoked_at: number | null;
  readonly revoke_reason: string | null;
  readonly role: string | null;
  readonly role_granted: boolean;
  readonly databases: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly max_sessions: number | null;
  readonly scopes: readonly string[];
}

export function fromRow(row: CredentialRow): AccountWithTokens {
  return {
    account: accountOf(row),
    tokens: row.tokens.map((token) => tokenOf(row.uid, token)),
    tokensEnabled: row.tokens_enabled,
  };
}

function accountOf(row: CredentialRow): AccountCredentials {
  const privileges = effectivePrivileges(row.grants, row.everyone_may);
  return {
    uid: row.uid,
    name: row.name,
    email: row.email,
    kind: row.kind,
    disabled: row.disabled,
    privileges,
    mayUseTokens: privileges.has('can_use'),
    engineRole: row.engine_role,
    defaultDatabase: row.default_database,
    databases: row.databases,
    scramSalt: row.scram_salt,
    scramIterations: row.scram_iterations,
    password: row.password === null ? null : parseStoredPassword(row.password),
  };
}

function tokenOf(uid: string, token: TokenJson): TokenCredential {
  return {
    tid: token.tid,
    uid,
    label: token.label,
    prefix: token.prefix,
    storedKey: Buffer.from(token.stored_key, 'base64'),
    serverKey: Buffer.from(token.server_key, 'base64'),
    createdAt: new Date(token.created_at),
    expiresAt: dateOf(token.expires_at),
    retiresAt: dateOf(token.retires_at),
    revokedAt: dateOf(token.revoked_at),
    revokeReason: token.revoke_reason,
    role: token.role,
    roleGranted: token.role_granted,
    databases: token.databases,
    networks: token.networks,
    maxSessions: token.max_sessions,
    scopes: token.scopes,
  };
}

function dateOf(milliseconds: number | null): Date | null {
  return milliseconds === null ? null : new Date(milliseconds);
}
