import type { Actor } from '../accounts/actor.ts';
import { auditEntry, demandPrivilege, demandScope, isAdmin } from '../accounts/permission.ts';
import { RequestError } from '../core/errors.ts';
import { lockPolicy } from '../store/policy.ts';
import { violates } from '../store/errors.ts';
import type { StoreTransaction } from '../store/store.ts';
import { readView } from './find.ts';
import { idempotencyKey, repeatedRequest } from './idempotency.ts';
import { insertToken, mint, type Minted } from './insert-token.ts';
import { checkDescription, checkLabel } from './labels.ts';
import { lifetimeMs } from './lifetime.ts';
import { checkLimits, narrow, type Limits } from './limits.ts';
import { demandLendable } from './lendable.ts';
import { demandRoom, lockOwner, scramParametersOf, type Owner } from './owner.ts';
import { lockParent } from './parent.ts';
import type { Issued, IssueRequest } from './service.ts';
import type { TokenServiceDeps } from './service-deps.ts';

/** What a request asks for, checked as far as that can be done without the store. */
interface Asked {
  readonly ownerUid: string;
  readonly label: string;
  readonly description: string | null;
  readonly limits: Limits;
  readonly lifetime: NonNullable<IssueRequest['lifetime']>;
  readonly key: string | null;
}

export async function issue(deps: TokenServiceDeps, actor: Actor, request: IssueRequest): Promise<Issued> {
  const asked = check(actor, request);
  const { store, clock } = deps;
  const repeated = async (): Promise<Issued | null> => {
    const tid = await repeatedRequest(store.db, asked.key, null);
    return tid === null ? null : { token: null, info: await readView(store.db, tid, clock.now()) };
  };
  const earlier = await repeated();
  if (earlier !== null) return earlier;
  const minted = await mint('pat', await scramParametersOf(store, asked.ownerUid));
  try {
    return await store.transaction((trx) => issueIn(trx, deps, actor, asked, minted));
  } catch (error) {
    // The same request a second time, at the same time: one of the two has made the token.
    const other = violates(error, 'tokens_idempotency_key_key') ? await repeated() : null;
    if (other !== null) return other;
    throw error;
  }
}

function check(actor: Actor, request: IssueRequest): Asked {
  demandScope(actor, 'tokens');
  const ownerUid = request.owner ?? actor.uid;
  if (ownerUid === null) throw new RequestError('request.invalid', 'Name the user whom the token is for.');
  demandPrivilege(actor, ownerUid === actor.uid ? 'can_use' : 'manage_all');
  const limits = checkLimits(request);
  if (ownerUid !== actor.uid) demandLendable(actor, limits);
  return {
    ownerUid,
    label: checkLabel(request.label),
    description: checkDescription(request.description ?? null),
    limits,
    lifetime: request.lifetime ?? 'default',
    key: idempotencyKey(actor, request.idempotencyKey),
  };
}

async function issueIn(
  trx: StoreTransaction,
  { clock, audit }: TokenServiceDeps,
  actor: Actor,
  asked: Asked,
  minted: Minted,
): Promise<Issued> {
  const policy = await lockPolicy(trx, 'share');
  if (!policy.tokensEnabled) throw new RequestError('policy.tokens_off', 'Tokens are disabled.');
  const now = clock.now();
  const owner = await lockOwner(trx, asked.ownerUid, policy);
  const limits = await effectiveLimits(trx, actor, owner, asked.limits, now);
  await demandRoom(trx, owner.uid, false, { now, policy });
  const lifetime = lifetimeMs(asked.lifetime, policy);
  const tid = await insertToken(trx, actor, minted, {
    uid: owner.uid,
    label: asked.label,
    description: asked.description,
    limits,
    roleGranted: limits.role !== null && limits.role !== owner.engineRole,
    createdAt: now,
    expiresAt: lifetime === null ? null : new Date(now.getTime() + lifetime),
    rotatedFrom: null,
    idempotencyKey: asked.key,
  });
  const info = await readView(trx, tid, now);
  const detail = { owner: owner.name, expiresAt: info.expiresAt, ...limits };
  await audit.append(
    auditEntry(actor, 'token.issue', { kind: 'token', id: tid, name: info.label }, { detail }),
    trx,
  );
  return { token: minted.token, info };
}

async function effectiveLimits(
  trx: StoreTransaction,
  actor: Actor,
  owner: Owner,
  asked: Limits,
  now: Date,
): Promise<Limits> {
  const parent = await lockParent(trx, actor, now);
  const limits = parent === null ? asked : narrow(asked, parent);
  demandRole(actor, owner, limits.role);
  return limits;
}

/**
 * With `engine.identity = role` a token's role is the role its sessions run as, so whoever may name any could name a
 * superuser. A token of an administrator names other roles only with the scope "accounts", like all that needs *admin*.
 */
function demandRole(actor: Actor, owner: Owner, role: string | null): void {
  if (role === null || role === owner.engineRole || isAdmin(actor)) return;
  throw new RequestError(
    'request.forbidden',
    `User "${owner.name}" may only limit a token to the own engine role${owner.engineRole === null ? '' : ` "${owner.engineRole}"`}; an administrator may name another.`,
    { field: 'role' },
  );
}
