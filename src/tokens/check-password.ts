import type { Hasher } from '../accounts/hasher.ts';
import { constantTimeEqual, DEFAULT_ITERATIONS, deriveKeys, SALT_LENGTH } from '../scram/keys.ts';
import type { AccountCredentials } from './credentials.ts';

/** For whoever has no account. */
const NOBODY = { scramSalt: Buffer.alloc(SALT_LENGTH), scramIterations: DEFAULT_ITERATIONS };

/**
 * Whether a password in cleartext is the account's. One argon2 and one PBKDF2 are computed whoever is asked for, so that unknown
 * users, users without a password, and users of either kind of password take about as long.
 * @param account null: an unknown user
 * @param lane see Hasher
 * @throws GatewayError `login.overloaded`
 */
export async function checkPassword(
  account: Pick<AccountCredentials, 'password' | 'scramSalt' | 'scramIterations'> | null,
  secret: Buffer,
  hasher: Hasher,
  lane: string,
): Promise<boolean> {
  const password = account?.password ?? null;
  const isHashed =
    password?.kind === 'argon2id'
      ? await hasher.argon2Verify(password.hash, secret, lane)
      : await hasher.argon2VerifyNobody(secret, lane);
  const { scramSalt: salt, scramIterations: iterations } = account ?? NOBODY;
  const keys = await deriveKeys(secret, { salt, iterations }, (prepared, ...parameters) =>
    hasher.pbkdf2(prepared, ...parameters, lane),
  );
  return password?.kind === 'scram' ? constantTimeEqual(keys.storedKey, password.storedKey) : isHashed;
}
