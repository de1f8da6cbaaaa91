import type { Actor } from '../accounts/actor.ts';
import { auditEntry, demandPrivilege, demandScope } from '../accounts/permission.ts';
import { DAY_MS, formatDuration } from '../core/duration.ts';
import { RequestError } from '../core/errors.ts';
import { lockPolicy, type Policy } from '../store/policy.ts';
import type { StoreTransaction } from '../store/store.ts';
import { maySee, noSuchToken, readView, tidOf } from './find.ts';
import { idempotencyKey, repeatedRequest } from './idempotency.ts';
import { insertToken, mint, type Minted } from './insert-token.ts';
import { lifetimeMs, sameLifetime } from './lifetime.ts';
import { demandLendable, demandRoleWithin } from './lendable.ts';
import { demandNoWider } from './limits.ts';
import { demandRoom, lockOwner, scramParametersOf } from './owner.ts';
import { lockParent } from './parent.ts';
import type { Issued, RotateRequest } from './service.ts';
import type { TokenServiceDeps } from './service-deps.ts';
import type { TokenView } from './views.ts';

const LONGEST_OVERLAP_MS = 30 * DAY_MS;

interface Asked {
  readonly tid: string;
  readonly key: string | null;
  readonly request: RotateRequest;
}

/** Of requests that meet, or that come a second time, one rotates; those with its idempotency key get the same answer. */
export async function rotate(
  deps: TokenServiceDeps,
  actor: Actor,
  id: string,
  request: RotateRequest,
): Promise<Issued> {
  const { store, clock } = deps;
  demandScope(actor, 'tokens');
  const asked: Asked = { tid: tidOf(id), key: idempotencyKey(actor, request.idempotencyKey), request };
  checkOverlap(request.overlapMs);
  const old = await readView(store.db, asked.tid, clock.now());
  if (!maySee(actor, old.uid)) throw noSuchToken(id);
  demandPrivilege(actor, old.uid === actor.uid ? 'can_use' : 'manage_all');
  if (old.uid !== actor.uid) demandLendable(actor, old);
  const minted = await mint('pat', await scramParametersOf(store, old.uid));
  return store.transaction((trx) => rotateIn(trx, deps, actor, asked, old.uid, minted));
}

async function rotateIn(
  trx: StoreTransaction,
  deps: TokenServiceDeps,
  actor: Actor,
  asked: Asked,
  ownerUid: string,
  minted: Minted,
): Promise<Issued> {
  const policy = await lockPolicy(trx, 'share');
  const now = deps.clock.now();
  const owner = await lockOwner(trx, ownerUid, policy);
  // Whoever rotates this owner's tokens waits for the owner's row, so what is read from here on stays as it is.
  const earlier = await repeatedRequest(trx, asked.key, asked.tid);
  if (earlier !== null) return { token: null, info: await readView(trx, earlier, now) };
  await trx.selectFrom('tokens').select('tid').where('tid', '=', asked.tid).forUpdate().execute();
  const old = await readView(trx, asked.tid, now);
  demandRotatable(old, policy);
  const parent = await lockParent(trx, actor, now);
  if (parent !== null) {
    demandNoWider(old, parent);
    demandRoleWithin(actor, old, parent);
  }
  const overlapMs = asked.request.overlapMs ?? policy.rotationOverlapMs;
  if (overlapMs > 0) await demandRoom(trx, owner.uid, true, { now, policy });
  const tid = await insertSuccessor(trx, actor, old, asked, { minted, policy, now });
  await retire(trx, old.tid, tid, { now, overlapMs });
  await deps.bus.publish(
    { kind: 'tokens', tids: [old.tid], change: overlapMs > 0 ? 'retired' : 'revoked' },
    trx,
  );
  const info = await readView(trx, tid, now);
  const detail = { owner: owner.name, successor: tid, overlapMs, expiresAt: info.expiresAt };
  await deps.audit.append(
    auditEntry(actor, 'token.rotate', { kind: 'token', id: old.tid, name: old.label }, { detail }),
    trx,
  );
  return { token: minted.token, info };
}

function demandRotatable(old: TokenView, policy: Policy): void {
  if (!policy.tokensEnabled) throw new RequestError('policy.tokens_off', 'Tokens are disabled.');
  if (old.rotatedTo !== null) {
    throw new RequestError(
      'request.conflict',
      `The token was rotated already; its successor is ${old.rotatedTo}.`,
    );
  }
  if (old.state === 'revoked' || old.state === 'expired') {
    throw new RequestError('request.conflict', `The token is ${old.state}; create a new one.`);
  }
}

function insertSuccessor(
  trx: StoreTransaction,
  actor: Actor,
  old: TokenView,
  { key, request }: Asked,
  { minted, policy, now }: { readonly minted: Minted; readonly policy: Policy; readonly now: Date },
): Promise<string> {
  const lifetime = lifetimeMs(request.lifetime ?? sameLifetime(old, policy), policy);
  return insertToken(trx, actor, minted, {
    uid: old.uid,
    label: old.label,
    description: old.description,
    limits: old,
    roleGranted: old.roleGranted,
    createdAt: now,
    expiresAt: lifetime === null ? null : new Date(now.getTime() + lifetime),
    rotatedFrom: old.tid,
    idempotencyKey: key,
  });
}

async function retire(
  trx: StoreTransaction,
  tid: string,
  successor: string,
  { now, overlapMs }: { readonly now: Date; readonly overlapMs: number },
): Promise<void> {
  const end = overlapMs > 0 ? { retires_at: new Date(now.getTime() + overlapMs) } : { revoked_at: now };
  await trx
    .updateTable('tokens')
    .set({ rotated_to: successor, revoke_reason: 'rotated', ...end })
    .where('tid', '=', tid)
    .execute();
}

function checkOverlap(overlapMs: number | undefined): void {
  if (overlapMs === undefined) return;
  if (Number.isInteger(overlapMs) && overlapMs >= 0 && overlapMs <= LONGEST_OVERLAP_MS) return;
  throw new RequestError(
    'request.invalid',
    `An overlap lasts at most ${formatDuration(LONGEST_OVERLAP_MS)}.`,
  );
}
