import type { Hasher } from '../accounts/hasher.ts';
import { constantTimeEqual, deriveKeys } from '../scram/keys.ts';
import type { AccountCredentials } from './credentials.ts';

/**
 * Whether a password in cleartext is the account's. One argon2 is computed whoever is asked for, so that unknown users, users
 * without a password, and users whose password is kept as a SCRAM verifier take about as long as others.
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
  if (password?.kind === 'argon2id') return hasher.argon2Verify(password.hash, secret, lane);
  await hasher.argon2VerifyNobody(secret, lane);
  if (account === null || password === null) return false;
  const keys = await deriveKeys(
    secret,
    { salt: account.scramSalt, iterations: account.scramIterations },
    (prepared, salt, iterations) => hasher.pbkdf2(prepared, salt, iterations, lane),
  );
  return constantTimeEqual(keys.storedKey, password.storedKey);
}
