import { isUtf8 } from 'node:buffer';
import {
  includes,
  LEFT_TO_RIGHT,
  MAPPED_TO_NOTHING,
  NON_ASCII_SPACE,
  PROHIBITED,
  RIGHT_TO_LEFT,
  UNASSIGNED,
} from './stringprep-tables.ts';

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
  const prepared = saslprep(raw.toString('utf8'));
  return prepared === null ? raw : Buffer.from(prepared, 'utf8');
}

function isAscii(bytes: Buffer): boolean {
  return bytes.every((byte) => byte < 0x80);
}

/**
 * RFC 4013, section 2, but like PostgreSQL with the checks before normalisation instead of after it: a secret must give the
 * same keys here and there, also where a compatibility character would become something harmless.
 * @returns null for what is prohibited
 */
function saslprep(text: string): string | null {
  const mapped = Array.from(text, codeOf)
    .filter((code) => includes(NON_ASCII_SPACE, code) || !includes(MAPPED_TO_NOTHING, code))
    .map((code) => (includes(NON_ASCII_SPACE, code) ? 0x20 : code));
  if (mapped.length === 0) return null;
  if (mapped.some((code) => includes(PROHIBITED, code) || includes(UNASSIGNED, code))) return null;
  if (!hasOneDirection(mapped)) return null;
  return mapped
    .map((code) => String.fromCodePoint(code))
    .join('')
    .normalize('NFKC');
}

/** RFC 3454, section 6: right-to-left text holds nothing left-to-right, and begins and ends right-to-left. */
function hasOneDirection(codes: readonly number[]): boolean {
  const isRightToLeft = (code: number | undefined) => code !== undefined && includes(RIGHT_TO_LEFT, code);
  if (!codes.some(isRightToLeft)) return true;
  if (codes.some((code) => includes(LEFT_TO_RIGHT, code))) return false;
  return isRightToLeft(codes[0]) && isRightToLeft(codes.at(-1));
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
