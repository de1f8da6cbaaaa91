import { randomUUID } from 'node:crypto';
import type { Actor } from '../accounts/actor.ts';
import type { Secret } from '../core/secret.ts';
import { deriveKeys, type ScramParameters } from '../scram/keys.ts';
import type { StoreTransaction } from '../store/store.ts';
import { generateToken, shownPrefix, tokenDigest, type TokenKind } from './format.ts';
import type { Limits } from './limits.ts';

/** A secret that exists in memory only, with what the store keeps of it. */
export interface Minted {
  readonly token: Secret;
  readonly prefix: string;
  readonly digest: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** @param parameters the owner's, shared by all of the owner's secrets */
export async function mint(kind: TokenKind, parameters: ScramParameters): Promise<Minted> {
  const token = generateToken(kind);
  const raw = token.reveal();
  const { storedKey, serverKey } = await deriveKeys(raw, parameters);
  return { token, prefix: shownPrefix(raw), digest: tokenDigest(raw), storedKey, serverKey };
}

export interface NewToken {
  readonly uid: string;
  readonly label: string;
  readonly description: string | null;
  readonly limits: Limits;
  /** The role is another than the owner's: an administrator's decision. */
  readonly roleGranted: boolean;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly rotatedFrom: string | null;
  readonly idempotencyKey: string | null;
}

/** @returns the tid */
export async function insertToken(
  trx: StoreTransaction,
  actor: Actor,
  minted: Minted,
  token: NewToken,
): Promise<string> {
  const tid = randomUUID();
  const { limits } = token;
  await trx
    .insertInto('tokens')
    .values({
      tid,
      uid: token.uid,
      creator_uid: actor.uid,
      creator_name: actor.name,
      label: token.label,
      description: token.description,
      prefix: minted.prefix,
      digest: minted.digest,
      stored_key: minted.storedKey,
      server_key: minted.serverKey,
      created_at: token.createdAt,
      expires_at: token.expiresAt,
      role: limits.role,
      role_granted: token.roleGranted,
      databases: limits.databases,
      networks: limits.networks,
      max_sessions: limits.maxSessions,
      scopes: limits.scopes,
      rotated_from: token.rotatedFrom,
      idempotency_key: token.idempotencyKey,
    })
    .execute();
  return tid;
}
