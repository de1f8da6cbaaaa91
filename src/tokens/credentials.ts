import type { Privilege } from '../accounts/actor.ts';
import type { StoredPassword } from '../accounts/password.ts';
import type { PrincipalKind } from '../accounts/principal.ts';
import type { Clock } from '../core/clock.ts';
import { isUuid } from '../core/uuid.ts';
import { readStoreSecret } from '../store/settings.ts';
import { BatchedRead } from '../store/batched-read.ts';
import type { Prepared, Store } from '../store/store.ts';
import { BY_DIGEST, BY_NAME, BY_TID } from './credential-statements.ts';
import { fromFound, type FoundJson } from './credential-rows.ts';

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
  /** CIDR; null: from anywhere. */
  readonly networks: readonly string[] | null;
  /** What the policy allows to everybody. */
  readonly policyNetworks: readonly string[] | null;
  /** Shared by all of the user's secrets, password included (when that is a SCRAM verifier). */
  readonly scramSalt: Buffer;
  readonly scramIterations: number;
  readonly password: StoredPassword | null;
  /** Another one each time that the password is set. */
  readonly passwordVersion: number;
}

/** A token as a login needs it. */
export interface TokenCredential {
  readonly tid: string;
  /** SHA-256, hexadecimal, of the access token that it was exchanged for, where that is what was found; else null. */
  readonly exchange: string | null;
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
 * What logins read. Each method is one round trip to the store, by a prepared statement, which it shares with others that are
 * called at about the same time.
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

/** Several times what the store takes for an answer, and too little for anybody to notice. */
const PATIENCE_MS = 20;
const READS_AT_ONCE = 8;
const MOST_IN_ONE_READ = 64;

export function createCredentials({ store, clock }: { store: Store; clock: Clock }): Credentials {
  let secret: Promise<Buffer> | null = null;
  const batched = (statement: Prepared, values: (questions: readonly string[]) => readonly unknown[]) =>
    new BatchedRead<AccountWithTokens>({
      read: (questions) =>
        readFound(store, statement, { values: values(questions), count: questions.length }),
      patienceMs: PATIENCE_MS,
      atOnce: READS_AT_ONCE,
      most: MOST_IN_ONE_READ,
      clock,
    });
  const byName = batched(BY_NAME, (names) => [names, clock.now()]);
  const byDigest = batched(BY_DIGEST, (digests) => [digests.map((digest) => Buffer.from(digest, 'latin1'))]);
  const byTid = batched(BY_TID, (tids) => [tids]);
  return {
    byName: (nameOrEmail) => byName.ask(nameOrEmail),
    byToken: async (digest) => withOneToken(await byDigest.ask(digest.toString('latin1'))),
    // A client names the tid in its start-up packet, so it may be anything.
    byTid: async (tid) => (isUuid(tid) ? withOneToken(await byTid.ask(tid)) : null),
    storeSecret() {
      secret ??= readStoreSecret(store).catch((error: unknown) => {
        secret = null;
        throw error;
      });
      return secret;
    },
  };
}

async function readFound(
  store: Store,
  statement: Prepared,
  { values, count }: { readonly values: readonly unknown[]; readonly count: number },
): Promise<readonly (AccountWithTokens | null)[]> {
  const rows = await store.read<{ n: number; found: FoundJson }>(statement, values);
  const answers = new Array<AccountWithTokens | null>(count).fill(null);
  for (const { n, found } of rows) answers[n - 1] ??= fromFound(found);
  return answers;
}

function withOneToken(found: AccountWithTokens | null): TokenWithAccount | null {
  const token = found?.tokens[0];
  if (found === null || token === undefined) return null;
  return { account: found.account, tokensEnabled: found.tokensEnabled, token };
}
