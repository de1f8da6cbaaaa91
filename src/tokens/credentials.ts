import type { StoredPassword } from '../accounts/password.ts';
import type { PrincipalKind } from '../accounts/principal.ts';

/** A user as a login needs it. */
export interface AccountCredentials {
  readonly uid: string;
  readonly name: string;
  readonly email: string | null;
  readonly kind: PrincipalKind;
  /** Disabled or removed. */
  readonly disabled: boolean;
  /** Holds *can use*, directly, by a group, or because policy gives it to everyone. */
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
