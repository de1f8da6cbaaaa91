import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { asciiLower } from '../../src/core/ascii.ts';
import { DAY_MS } from '../../src/core/duration.ts';
import { deriveKeys, newSalt } from '../../src/scram/keys.ts';
import type {
  AccountCredentials,
  AccountWithTokens,
  Credentials,
  TokenCredential,
  TokenWithAccount,
} from '../../src/tokens/credentials.ts';
import { generateToken, shownPrefix, tokenDigest } from '../../src/tokens/format.ts';

/** PBKDF2 is not what these tests are about. */
const FEW_ITERATIONS = 10;

export interface IssuedToken {
  readonly text: string;
  readonly tid: string;
}

/** What logins read, in memory: for tests of the login alone. Says which look-ups were made. */
export class MemoryCredentials implements Credentials {
  readonly calls: string[] = [];
  tokensEnabled = true;
  readonly #secret = createHash('sha256').update('store secret').digest();
  readonly #accounts: AccountCredentials[] = [];
  readonly #tokens: { digest: Buffer; token: TokenCredential }[] = [];

  async addUser(
    name: string,
    {
      password,
      ...rest
    }: { password?: string } & Partial<Omit<AccountCredentials, 'password' | 'name'>> = {},
  ): Promise<AccountCredentials> {
    const parameters = { salt: newSalt(), iterations: rest.scramIterations ?? FEW_ITERATIONS };
    const account: AccountCredentials = {
      uid: randomUUID(),
      name,
      email: `${name}@example.com`,
      kind: 'person',
      disabled: false,
      mayUseTokens: true,
      engineRole: null,
      defaultDatabase: null,
      databases: null,
      networks: null,
      policyNetworks: null,
      privileges: new Set(['can_use']),
      scramSalt: parameters.salt,
      scramIterations: parameters.iterations,
      password:
        password === undefined ? null : { kind: 'scram', ...(await deriveKeys(password, parameters)) },
      passwordVersion: 0,
      ...rest,
    };
    this.#accounts.push(account);
    return account;
  }

  /** Replaces what the account has instead of a SCRAM verifier. */
  setPassword(account: AccountCredentials, password: AccountCredentials['password']): void {
    this.setUser(account, { password });
  }

  setUser({ uid }: { uid: string }, change: Partial<AccountCredentials>): void {
    const at = this.#accounts.findIndex((account) => account.uid === uid);
    const account = this.#accounts[at];
    if (account === undefined) throw new Error('no such user');
    this.#accounts[at] = { ...account, ...change };
  }

  /** @param change null: as if it had never been */
  setToken({ tid }: { tid: string }, change: Partial<TokenCredential> | null): void {
    const at = this.#tokens.findIndex(({ token }) => token.tid === tid);
    const entry = this.#tokens[at];
    if (entry === undefined) throw new Error('no such token');
    this.#tokens.splice(
      at,
      1,
      ...(change === null ? [] : [{ ...entry, token: { ...entry.token, ...change } }]),
    );
  }

  async addToken(
    { uid, scramSalt: salt, scramIterations: iterations }: AccountCredentials,
    rest: Partial<TokenCredential> = {},
  ): Promise<IssuedToken> {
    const text = generateToken('pat').reveal();
    const { storedKey, serverKey } = await deriveKeys(text, { salt, iterations });
    const token: TokenCredential = {
      tid: randomUUID(),
      exchange: null,
      uid,
      label: 'laptop',
      roleGranted: false,
      prefix: shownPrefix(text),
      storedKey,
      serverKey,
      createdAt: new Date(Date.now() - DAY_MS),
      expiresAt: null,
      retiresAt: null,
      revokedAt: null,
      revokeReason: null,
      role: null,
      databases: null,
      networks: null,
      maxSessions: null,
      scopes: [],
      ...rest,
    };
    this.#tokens.unshift({ digest: tokenDigest(text), token });
    return { text, tid: token.tid };
  }

  byName(nameOrEmail: string): Promise<AccountWithTokens | null> {
    this.calls.push('byName');
    const account =
      this.#accounts.find(({ name }) => name === nameOrEmail) ??
      this.#accounts.find(({ email }) => email !== null && asciiLower(email) === asciiLower(nameOrEmail));
    if (account === undefined) return Promise.resolve(null);
    const tokens = this.#tokens.map(({ token }) => token).filter(({ uid }) => uid === account.uid);
    return Promise.resolve({ account, tokens, tokensEnabled: this.tokensEnabled });
  }

  byToken(digest: Buffer): Promise<TokenWithAccount | null> {
    this.calls.push('byToken');
    return Promise.resolve(this.#withAccount((entry) => entry.digest.equals(digest)));
  }

  byTid(tid: string): Promise<TokenWithAccount | null> {
    this.calls.push('byTid');
    return Promise.resolve(this.#withAccount((entry) => entry.token.tid === tid));
  }

  storeSecret(): Promise<Buffer> {
    return Promise.resolve(this.#secret);
  }

  #withAccount(
    wanted: (entry: { digest: Buffer; token: TokenCredential }) => boolean,
  ): TokenWithAccount | null {
    const token = this.#tokens.find(wanted)?.token;
    const account = this.#accounts.find(({ uid }) => uid === token?.uid);
    return token && account ? { token, account, tokensEnabled: this.tokensEnabled } : null;
  }
}

/** Has the shape and checksum of a token, and was never issued. */
export function unknownToken(): string {
  return generateToken('pat').reveal();
}

/** Looks like nothing. */
export function randomText(): string {
  return randomBytes(12).toString('base64url');
}
