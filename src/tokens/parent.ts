import type { Actor } from '../accounts/actor.ts';
import { RequestError } from '../core/errors.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { Limits } from './limits.ts';

/** The token by which an actor came. */
export interface Parent extends Limits {
  readonly tid: string;
  /** Its role is another than its owner's: an administrator's decision. */
  readonly roleGranted: boolean;
}

/**
 * The token by which the actor came, held still until the transaction ends: if it is being revoked at this moment, either
 * this request is done before, or it fails.
 * @returns null when the actor came without a token
 * @throws RequestError request.forbidden, when it does not live any more
 */
export async function lockParent(trx: StoreTransaction, actor: Actor, now: Date): Promise<Parent | null> {
  if (actor.tid === null) return null;
  const token = await trx
    .selectFrom('tokens')
    .select([
      'revoked_at',
      'retires_at',
      'expires_at',
      'role',
      'role_granted',
      'databases',
      'networks',
      'max_sessions',
      'scopes',
    ])
    .where('tid', '=', actor.tid)
    .forShare()
    .executeTakeFirst();
  const ends = [token?.retires_at, token?.expires_at];
  if (token?.revoked_at !== null || ends.some((end) => end instanceof Date && end <= now)) {
    throw new RequestError(
      'request.forbidden',
      'The token that this request came with has been revoked or has expired.',
    );
  }
  return {
    tid: actor.tid,
    role: token.role,
    roleGranted: token.role_granted,
    databases: token.databases,
    networks: token.networks,
    maxSessions: token.max_sessions,
    scopes: token.scopes,
  };
}
