import { decodeBase64 } from './base64.ts';
import {
  DEFAULT_ITERATIONS,
  deriveKeys,
  KEY_LENGTH,
  newSalt,
  type Hi,
  type ScramParameters,
  type ServerKeys,
} from './keys.ts';

/** What PostgreSQL keeps in `pg_authid.rolpassword`. */
export interface ScramVerifier extends ScramParameters, ServerKeys {}

const FORM = /^SCRAM-SHA-256\$([1-9]\d{0,9}):([^:$]+)\$([^:$]+):([^:$]+)$/;
/** src/common/scram-common.c reads the count into a C int. */
const MAX_INT32 = 2 ** 31 - 1;

/**
 * Derives what a server keeps of a password.
 * @param parameters a new random salt and 4,096 iterations when left out
 * @param hi as in `deriveKeys`
 */
export async function makeVerifier(
  password: string | Buffer,
  parameters: ScramParameters = { salt: newSalt(), iterations: DEFAULT_ITERATIONS },
  hi?: Hi,
): Promise<ScramVerifier> {
  const { storedKey, serverKey } = await deriveKeys(password, parameters, hi);
  return { ...parameters, storedKey, serverKey };
}

/** PostgreSQL's text form: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. */
export function formatVerifier({ iterations, salt, storedKey, serverKey }: ScramVerifier): string {
  const [s, stored, server] = [salt, storedKey, serverKey].map((bytes) => bytes.toString('base64'));
  return `SCRAM-SHA-256$${iterations}:${String(s)}$${String(stored)}:${String(server)}`;
}

/** @returns null when the text is no such verifier, as for an md5 hash or a plain password */
export function parseVerifier(text: string): ScramVerifier | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const iterations = Number(match[1]);
  const [salt, storedKey, serverKey] = match.slice(2).map(decodeBase64);
  if (!salt || storedKey?.length !== KEY_LENGTH || serverKey?.length !== KEY_LENGTH) return null;
  return iterations <= MAX_INT32 ? { iterations, salt, storedKey, serverKey } : null;
}
