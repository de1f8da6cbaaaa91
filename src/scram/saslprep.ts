import { isUtf8 } from 'node:buffer';
import saslprep from '@mongodb-js/saslprep';

/**
 * Password preparation as PostgreSQL does it (`pg_saslprep` in src/common/saslprep.c and its callers): SASLprep (RFC 4013),
 * and the bytes as they are where it can not be applied (no UTF-8, prohibited or unassigned code points, nothing left).
 * Plain ASCII passes unchanged, control characters included.
 * @param password text, or the bytes that a client sent
 * @returns the bytes that go into PBKDF2
 */
export function preparePassword(password: string | Buffer): Buffer {
  const raw = typeof password === 'string' ? Buffer.from(password, 'utf8') : password;
  if (isAscii(raw) || !isUtf8(raw)) return raw;
  return saslprepOrNull(raw.toString('utf8')) ?? raw;
}

function isAscii(bytes: Buffer): boolean {
  return bytes.every((byte) => byte < 0x80);
}

function saslprepOrNull(text: string): Buffer | null {
  try {
    return Buffer.from(saslprep(text), 'utf8');
  } catch {
    // The package tells "prohibited" by throwing, PostgreSQL answers it by using the password as it is.
    return null;
  }
}
