import type { Actor } from '../accounts/actor.ts';
import { auditEntry, auditRefusals, demandPrivilege } from '../accounts/permission.ts';
import type { AuditAction } from '../store/audit.ts';
import { readVisible, readView, tidOf } from './find.ts';
import { issue } from './issue.ts';
import { checkDescription, checkLabel } from './labels.ts';
import { count, countByState, list } from './list.ts';
import { reportLeaked, tidOfSecret } from './leaked.ts';
import { revoke, revokeAll, revokeMany } from './revoke.ts';
import { rotate } from './rotate.ts';
import type { TokenEdit, TokenService } from './service.ts';
import type { TokenServiceDeps } from './service-deps.ts';
import type { TokenView } from './views.ts';

export type { TokenServiceDeps };

export function createTokenService(deps: TokenServiceDeps): TokenService {
  const { store, clock, audit } = deps;
  const watched = <T>(
    actor: Actor,
    action: AuditAction,
    id: string | null,
    work: () => Promise<T>,
  ): Promise<T> =>
    auditRefusals((entry) => audit.note(entry), actor, action, { kind: 'token', id, name: null }, work);
  return {
    issue: (actor, request) => watched(actor, 'token.issue', null, () => issue(deps, actor, request)),
    get: async (actor, id) => readVisible(store.db, actor, tidOf(id), clock.now()),
    list: async (actor, query) => list(deps, actor, query),
    count: async (actor, query) => count(deps, actor, query),
    countByState: async (actor, query) => countByState(deps, actor, query),
    rotate: (actor, id, request = {}) =>
      watched(actor, 'token.rotate', id, () => rotate(deps, actor, id, request)),
    revoke: (actor, id, reason) => watched(actor, 'token.revoke', id, () => revoke(deps, actor, id, reason)),
    revokeMany: (actor, ids, reason) =>
      watched(actor, 'token.revoke', null, () => revokeMany(deps, actor, ids, reason)),
    revokeAll: (actor, uid, reason) =>
      watched(actor, 'token.revoke', null, () => revokeAll(deps, actor, uid, reason)),
    edit: (actor, id, change) => watched(actor, 'token.edit', id, () => edit(deps, actor, id, change)),
    reportLeaked: (raw, from) => reportLeaked(deps, raw, from),
    async lookup(actor, raw) {
      demandPrivilege(actor, 'manage_all');
      const tid = await tidOfSecret(deps, raw);
      return tid === null ? null : readView(store.db, tid, clock.now());
    },
  };
}

async function edit(deps: TokenServiceDeps, actor: Actor, id: string, change: TokenEdit): Promise<TokenView> {
  const { store, clock, audit } = deps;
  const tid = tidOf(id);
  const patch = {
    ...(change.label === undefined ? {} : { label: checkLabel(change.label) }),
    ...(change.description === undefined ? {} : { description: checkDescription(change.description) }),
  };
  return store.transaction(async (trx) => {
    const before = await readVisible(trx, actor, tid, clock.now());
    if (Object.keys(patch).length === 0) return before;
    await trx.updateTable('tokens').set(patch).where('tid', '=', tid).execute();
    const after = await readView(trx, tid, clock.now());
    const detail = { before: { label: before.label, description: before.description }, after: patch };
    await audit.append(
      auditEntry(actor, 'token.edit', { kind: 'token', id: tid, name: after.label }, { detail }),
      trx,
    );
    return after;
  });
}
