import { createHash, createHmac, createSecretKey, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { preparePassword } from './saslprep.ts';

const pbkdf2Async = promisify(pbkdf2);

/** Bytes in SHA-256 output, thus in each key, signature and proof. */
export const KEY_LENGTH = 32;
/** PostgreSQL's default (src/include/common/scram-common.h), and what asyncpg, pgjdbc and node `pg` do in bearable time. */
export const DEFAULT_ITERATIONS = 4096;
/** src/include/common/scram-common.h, SCRAM_DEFAULT_SALT_LEN */
export const SALT_LENGTH = 16;

/** What makes the same password give other keys. */
export interface ScramParameters {
  readonly salt: Buffer;
  readonly iterations: number;
}

/** What a server keeps of a secret: enough to check a proof and to sign, not enough to log in. */
export interface ServerKeys {
  /** H(ClientKey) */
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** What a client needs to prove a secret; as good as the secret itself for these parameters. */
export interface ClientKeys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
}

/** All keys of one secret. */
export type ScramKeys = ClientKeys & ServerKeys;

/** RFC 5802 Hi(): PBKDF2 with HMAC-SHA-256, 32 bytes. Whoever bounds such work passes a function of their own. */
export type Hi = (password: Buffer, salt: Buffer, iterations: number) => Promise<Buffer>;

const hiOnThreadPool: Hi = (password, salt, iterations) =>
  pbkdf2Async(password, salt, iterations, KEY_LENGTH, 'sha256');

/**
 * RFC 5802, section 3, with SHA-256 (RFC 7677).
 * @param password prepared here (SASLprep with PostgreSQL's fallback)
 * @param hi libuv's thread pool when left out: about 0.9 ms per 4,096 iterations
 */
export async function deriveKeys(
  password: string | Buffer,
  { salt, iterations }: ScramParameters,
  hi: Hi = hiOnThreadPool,
): Promise<ScramKeys> {
  const saltedPassword = await hi(preparePassword(password), salt, iterations);
  const clientKey = hmac(saltedPassword, 'Client Key');
  return { clientKey, storedKey: sha256(clientKey), serverKey: hmac(saltedPassword, 'Server Key') };
}

export function newSalt(): Buffer {
  return randomBytes(SALT_LENGTH);
}

/** HMAC-SHA-256. The key is made a KeyObject first: Node 24 takes six times as long with raw bytes. */
export function hmac(key: Buffer, data: string | Buffer): Buffer {
  return createHmac('sha256', createSecretKey(key)).update(data).digest();
}

export function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

/** Bytewise exclusive or of two keys. */
export function xor(a: Buffer, b: Buffer): Buffer {
  const out = Buffer.allocUnsafe(a.length);
  for (let i = 0; i < a.length; i += 1) out[i] = (a[i] ?? 0) ^ (b[i] ?? 0);
  return out;
}

/** Equality in time that depends on the lengths only. */
export function constantTimeEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
