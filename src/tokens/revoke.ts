import type { ExpressionBuilder } from 'kysely';
import type { Actor } from '../accounts/actor.ts';
import { auditEntry, demandPrivilege } from '../accounts/permission.ts';
import { RequestError } from '../core/errors.ts';
import { isUuid } from '../core/uuid.ts';
import type { Database } from '../store/schema.ts';
import type { StoreTransaction } from '../store/store.ts';
import { maySee, noSuchToken, readView, tidOf } from './find.ts';
import { checkReason } from './labels.ts';
import type { TokenServiceDeps } from './service-deps.ts';
import type { TokenView } from './views.ts';

const MOST_IDS = 1000;

interface Found {
  readonly tid: string;
  readonly uid: string;
  readonly label: string;
  readonly revoked: boolean;
}

export async function revoke(
  deps: TokenServiceDeps,
  actor: Actor,
  id: string,
  reason: string | undefined,
): Promise<TokenView> {
  const tid = tidOf(id);
  return deps.store.transaction(async (trx) => {
    const found = await lockTokens(trx, deps.clock.now(), (eb) => eb('tid', '=', tid));
    demandAll(actor, [id], found);
    if (found.some((token) => token.revoked)) {
      throw new RequestError('request.conflict', 'The token is revoked already.');
    }
    await revokeFound(trx, deps, actor, found, reason);
    return readView(trx, tid, deps.clock.now());
  });
}

export async function revokeMany(
  deps: TokenServiceDeps,
  actor: Actor,
  ids: readonly string[],
  reason: string | undefined,
): Promise<number> {
  if (ids.length > MOST_IDS) {
    throw new RequestError('request.invalid', `At most ${MOST_IDS} tokens can be revoked at once.`);
  }
  const tids = [...new Set(ids.map(tidOf))];
  if (tids.length === 0) return 0;
  return deps.store.transaction(async (trx) => {
    const found = await lockTokens(trx, deps.clock.now(), (eb) => eb('tid', 'in', tids));
    demandAll(actor, tids, found);
    return revokeFound(trx, deps, actor, found, reason);
  });
}

export async function revokeAll(
  deps: TokenServiceDeps,
  actor: Actor,
  uid: string,
  reason: string | undefined,
): Promise<number> {
  if (!maySee(actor, uid)) demandPrivilege(actor, 'manage_all');
  if (!isUuid(uid)) return 0;
  return deps.store.transaction(async (trx) => {
    const found = await lockTokens(trx, deps.clock.now(), (eb) =>
      eb.and([eb('uid', '=', uid), eb('revoked_at', 'is', null)]),
    );
    return revokeFound(trx, deps, actor, found, reason);
  });
}

/**
 * Marks tokens that are not revoked yet, and tells everyone.
 * @returns how many those were
 */
export async function revokeFound(
  trx: StoreTransaction,
  { clock, bus, audit }: TokenServiceDeps,
  actor: Actor,
  found: readonly Found[],
  reason: string | undefined,
): Promise<number> {
  const why = reason === undefined ? `revoked by ${actor.name}` : checkReason(reason);
  const living = found.filter((token) => !token.revoked);
  const tids = living.map((token) => token.tid);
  if (tids.length === 0) return 0;
  await trx
    .updateTable('tokens')
    .set({ revoked_at: clock.now(), revoke_reason: why })
    .where('tid', 'in', tids)
    .execute();
  await bus.publish({ kind: 'tokens', tids, change: 'revoked' }, trx);
  const entries = living.map(({ tid, uid, label }) =>
    auditEntry(
      actor,
      'token.revoke',
      { kind: 'token', id: tid, name: label },
      { reason: why, detail: { owner: uid } },
    ),
  );
  await audit.append(entries, trx);
  return tids.length;
}

/** In the order of their ids, so that two who revoke the same ones do not wait for each other. */
export async function lockTokens(
  trx: StoreTransaction,
  now: Date,
  which: (
    eb: ExpressionBuilder<Database, 'tokens'>,
  ) => ReturnType<ExpressionBuilder<Database, 'tokens'>['and']>,
): Promise<readonly Found[]> {
  const rows = await trx
    .selectFrom('tokens')
    .select(['tid', 'uid', 'label', 'revoked_at', 'retires_at'])
    .where((eb) => which(eb))
    .orderBy('tid')
    .forUpdate()
    .execute();
  return rows.map(({ tid, uid, label, revoked_at, retires_at }) => ({
    tid,
    uid,
    label,
    revoked: revoked_at !== null || (retires_at !== null && retires_at <= now),
  }));
}

function demandAll(actor: Actor, ids: readonly string[], found: readonly Found[]): void {
  const visible = new Set(found.filter((token) => maySee(actor, token.uid)).map((token) => token.tid));
  for (const id of ids) {
    if (!visible.has(tidOf(id))) throw noSuchToken(id);
  }
}
