import { effectivePrivileges, type Privilege } from '../accounts/actor.ts';
import { parseStoredPassword } from '../accounts/password.ts';
import type { PrincipalKind } from '../accounts/principal.ts';
import type { AccountCredentials, AccountWithTokens, TokenCredential } from './credentials.ts';

/** What the statements of credential-statements.ts answer. */
export interface FoundJson {
  readonly uid: string;
  readonly name: string;
  readonly email: string | null;
  readonly kind: PrincipalKind;
  readonly disabled: boolean;
  readonly engine_role: string | null;
  readonly default_database: string | null;
  readonly databases: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly policy_networks: readonly string[] | null;
  /** base64 */
  readonly scram_salt: string;
  readonly scram_iterations: number;
  readonly password: string | null;
  readonly password_version: number;
  readonly tokens_enabled: boolean;
  readonly everyone_may: boolean;
  readonly grants: readonly Privilege[];
  readonly tokens: readonly TokenJson[];
}

interface TokenJson {
  readonly tid: string;
  readonly exchange: string | null;
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

export function fromFound(found: FoundJson): AccountWithTokens {
  return {
    account: accountOf(found),
    tokens: found.tokens.map((token) => tokenOf(found.uid, token)),
    tokensEnabled: found.tokens_enabled,
  };
}

function accountOf(found: FoundJson): AccountCredentials {
  const privileges = effectivePrivileges(found.grants, found.everyone_may);
  return {
    uid: found.uid,
    name: found.name,
    email: found.email,
    kind: found.kind,
    disabled: found.disabled,
    privileges,
    mayUseTokens: privileges.has('can_use'),
    engineRole: found.engine_role,
    defaultDatabase: found.default_database,
    databases: found.databases,
    networks: found.networks,
    policyNetworks: found.policy_networks,
    scramSalt: Buffer.from(found.scram_salt, 'base64'),
    scramIterations: found.scram_iterations,
    password: found.password === null ? null : parseStoredPassword(found.password),
    passwordVersion: found.password_version,
  };
}

function tokenOf(uid: string, token: TokenJson): TokenCredential {
  return {
    tid: token.tid,
    exchange: token.exchange,
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
