import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Secret } from '../core/secret.ts';

/**
 * `pat_` or `pse_`, 43 base62 characters (256 random bits), 6 base62 characters of CRC-32 over all before them. Shape and
 * checksum are tested before any look-up, and let secret scanners find lost tokens without false alarms.
 */
export type TokenKind = 'pat' | 'session';

const PREFIXES = { pat: 'pat_', session: 'pse_' } as const satisfies Record<TokenKind, string>;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_BYTES = 32;
const BODY_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const SHAPE = /^(?:pat|pse)_[0-9A-Za-z]{49}$/;
const SHOWN_LENGTH = 10;

/** A new token of 256 random bits. */
export function generateToken(kind: TokenKind): Secret {
  const number = BigInt(`0x${randomBytes(RANDOM_BYTES).toString('hex')}`);
  const start = PREFIXES[kind] + base62(number, BODY_LENGTH);
  return new Secret(start + checksum(start));
}

/** Whether the text has the shape and checksum of a token of either kind. */
export function isWellFormed(text: string): boolean {
  if (!SHAPE.test(text)) return false;
  return checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH);
}

/** The kind that the prefix tells; null when the text is not well-formed. */
export function kindOfToken(text: string): TokenKind | null {
  if (!isWellFormed(text)) return null;
  return text.startsWith(PREFIXES.pat) ? 'pat' : 'session';
}

/** SHA-256 of the text: what is stored and looked up. Fast on purpose: 256 random bits need no stretching. */
export function tokenDigest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** The first characters, by which owners recognise a token in lists. */
export function shownPrefix(text: string): string {
  return text.slice(0, SHOWN_LENGTH);
}

function checksum(text: string): string {
  return base62(BigInt(crc32(text)), CHECKSUM_LENGTH);
}

function base62(value: bigint, length: number): string {
  let digits = '';
  for (let rest = value; digits.length < length; rest /= 62n) {
    digits = ALPHABET.charAt(Number(rest % 62n)) + digits;
  }
  return digits;
}
