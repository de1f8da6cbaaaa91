import type { Privilege } from '../accounts/actor.ts';
import type { StoredPassword } from '../accounts/password.ts';
import type { PrincipalKind } from '../accounts/principal.ts';
import type { Clock } from '../core/clock.ts';
import { isUuid } from '../core/uuid.ts';
import { readStoreSecret } from '../store/settings.ts';
import type { Prepared, Store } from '../store/store.ts';
import { BY_DIGEST, BY_NAME, BY_TID } from './credential-statements.ts';
import { fromRow, type CredentialRow } from './credential-rows.ts';

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
  /** An administrator gave that role, though it was not the owner's. */
  readonly roleGranted: boolean;
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
  /** @param nameOrEmail a user's name exactly, else an e-mail address, A to Z in any case */
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
  const find = async (statement: Prepared, values: readonly unknown[]): Promise<AccountWithTokens | null> => {
    const [row] = await store.read<CredentialRow>(statement, values);
    return row === undefined ? null : fromRow(row);
  };
  return {
    byName: (nameOrEmail) => find(BY_NAME, [nameOrEmail, clock.now()]),
    byToken: async (digest) => withOneToken(await find(BY_DIGEST, [digest])),
    // A client names the tid in its start-up packet, so it may be anything.
    byTid: async (tid) => (isUuid(tid) ? withOneToken(await find(BY_TID, [tid])) : null),
    storeSecret() {
      secret ??= readStoreSecret(store).catch((error: unknown) => {
        secret = null;
        throw error;
      });
      return secret;
    },
  };
}

function withOneToken(found: AccountWithTokens | null): TokenWithAccount | null {
  const token = found?.tokens[0];
  if (found === null || token === undefined) return null;
  return { account: found.account, tokensEnabled: found.tokensEnabled, token };
}
