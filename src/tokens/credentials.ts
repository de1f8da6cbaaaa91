import { effectivePrivileges, type Privilege } from '../accounts/actor.ts';
import { parseStoredPassword, type StoredPassword } from '../accounts/password.ts';
import type { PrincipalKind } from '../accounts/principal.ts';
import type { Clock } from '../core/clock.ts';
import { readStoreSecret } from '../store/settings.ts';
import type { Store } from '../store/store.ts';
import { BY_DIGEST, BY_NAME, BY_TID } from './credential-statements.ts';

/** A user as a login needs it. */
export interface AccountCredentials {
  readonly uid: string;
  readonly name: string;
  readonly email: string | null;
  readonly kind: PrincipalKind;
  /** Disabled or removed. */
  readonly disabled: boolean;
  /** Held directly, by a group, or because policy gives it to everyone; closed upwards. */
  readonly privileges: ReadonlySet<Privilege>;
  /** Whether `can_use` is among them. */
  readonly mayUseTokens: boolean;
  readonly engineRole: string | null;
  readonly defaultDatabase: string | null;
  /** What the account may reach; null: any. */
  readonly databases: readonly string[] | null;
  /** Shared by all of the user's secrets, password included (when that is a SCRAM verifier). */
  readonly scramSalt: Buffer;
  readonly scramIterations: number;
  readonly password: StoredPassword | null;
}

/** A token as a login needs it. */
export interface TokenCredential {
  readonly tid: string;
  readonly uid: string;
  readonly label: string;
  readonly prefix: string;
  /** RFC 5802, 32 bytes, with the owner's salt and iteration count. */
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  /** End of the overlap after a rotation: counts as revoked from then on. */
  readonly retiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokeReason: string | null;
  readonly role: string | null;
  readonly databases: readonly string[] | null;
  /** CIDR */
  readonly networks: readonly string[] | null;
  readonly maxSessions: number | null;
  readonly scopes: readonly string[];
}

export interface AccountWithTokens {
  readonly account: AccountCredentials;
  /** All that may be live, then the newest dead ones (so that a log can name them), newest first within each. */
  readonly tokens: readonly TokenCredential[];
  readonly tokensEnabled: boolean;
}

export interface TokenWithAccount {
  readonly account: AccountCredentials;
  readonly token: TokenCredential;
  readonly tokensEnabled: boolean;
}

/**
 * What logins read. Each method is one round trip to the store, by a prepared statement.
 * @throws GatewayError store.unreachable
 */
export interface Credentials {
  /** @param nameOrEmail a user's name exactly, else an e-mail address in any case */
  byName(nameOrEmail: string): Promise<AccountWithTokens | null>;
  /**
   * @param digest SHA-256 of the whole token text. The digest of a token that was got in exchange for a personal access
   * token gives that one, with an expiry no later than the exchanged token's own.
   */
  byToken(digest: Buffer): Promise<TokenWithAccount | null>;
  byTid(tid: string): Promise<TokenWithAccount | null>;
  /** 32 bytes, the same on every replica; for mock verifiers. Cached. */
  storeSecret(): Promise<Buffer>;
}

export function createCredentials({ store, clock }: { store: Store; clock: Clock }): Credentials {
  let secret: Promise<Buffer> | null = null;
  const one = (rows: readonly FullRow[]): TokenWithAccount | null => {
    const [row] = rows;
    return row === undefined ? null : { ...accountOf(row), token: tokenOf(row) };
  };
  return {
    async byName(nameOrEmail) {
      const rows = await store.read<AccountRow | FullRow>(BY_NAME, [nameOrEmail, clock.now()]);
      const [first] = rows;
      if (first === undefined) return null;
      return { ...accountOf(first), tokens: rows.filter(hasToken).map(tokenOf) };
    },
    byToken: async (digest) => one(await store.read<FullRow>(BY_DIGEST, [digest])),
    async byTid(tid) {
      return UUID.test(tid) ? one(await store.read<FullRow>(BY_TID, [tid])) : null;
    },
    storeSecret() {
      secret ??= readStoreSecret(store).catch((error: unknown) => {
        secret = null;
        throw error;
      });
      return secret;
    },
  };
}

/** The client names the tid in its start-up packet, so it may be anything. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface AccountRow {
  readonly uid: string;
  readonly name: string;
  readonly email: string | null;
  readonly kind: PrincipalKind;
  readonly disabled: boolean;
  readonly engine_role: string | null;
  readonly default_database: string | null;
  readonly account_databases: readonly string[] | null;
  readonly scram_salt: Buffer;
  readonly scram_iterations: number;
  readonly password: string | null;
  readonly tokens_enabled: boolean;
  readonly everyone_may: boolean;
  readonly grants: readonly Privilege[];
  readonly tid: string | null;
}

interface FullRow extends AccountRow {
  readonly tid: string;
  readonly label: string;
  readonly prefix: string;
  readonly stored_key: Buffer;
  readonly server_key: Buffer;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly retires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly revoke_reason: string | null;
  readonly role: string | null;
  readonly databases: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly max_sessions: number | null;
  readonly scopes: readonly string[];
}

function hasToken(row: AccountRow | FullRow): row is FullRow {
  return row.tid !== null;
}

function accountOf(row: AccountRow): { account: AccountCredentials; tokensEnabled: boolean } {
  const privileges = effectivePrivileges(row.grants, row.everyone_may);
  const account: AccountCredentials = {
    uid: row.uid,
    name: row.name,
    email: row.email,
    kind: row.kind,
    disabled: row.disabled,
    privileges,
    mayUseTokens: privileges.has('can_use'),
    engineRole: row.engine_role,
    defaultDatabase: row.default_database,
    databases: row.account_databases,
    scramSalt: row.scram_salt,
    scramIterations: row.scram_iterations,
    password: row.password === null ? null : parseStoredPassword(row.password),
  };
  return { account, tokensEnabled: row.tokens_enabled };
}

function tokenOf(row: FullRow): TokenCredential {
  return {
    tid: row.tid,
    uid: row.uid,
    label: row.label,
    prefix: row.prefix,
    storedKey: row.stored_key,
    serverKey: row.server_key,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    retiresAt: row.retires_at,
    revokedAt: row.revoked_at,
    revokeReason: row.revoke_reason,
    role: row.role,
    databases: row.databases,
    networks: row.networks,
    maxSessions: row.max_sessions,
    scopes: row.scopes,
  };
}
