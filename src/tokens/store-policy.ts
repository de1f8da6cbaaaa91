import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../accounts/actor.ts';
import { checkNetworks, demandOwnAddress } from '../accounts/network-rules.ts';
import { auditEntry, auditRefusals, demandAdmin, demandPrivilege } from '../accounts/permission.ts';
import type { Clock } from '../core/clock.ts';
import { RequestError } from '../core/errors.ts';
import type { Audit, AuditEntry } from '../store/audit.ts';
import type { EventBus } from '../store/bus.ts';
import {
  changePolicy,
  lockPolicy,
  readPolicy,
  readPolicyChanges,
  readVersionedPolicy,
} from '../store/policy.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import { checkPolicy } from './policy-rules.ts';
import type { Policy, PolicyChangeOptions, PolicyPatch, PolicyService } from './policy-service.ts';

export interface PolicyDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly bus: EventBus;
}

const REMEMBERED_MS = 5000;
const DEFAULT_LIMIT = 100;
const MOST_ROWS = 1000;

export function createPolicyService(deps: PolicyDeps): PolicyService {
  const { store, clock, audit, bus } = deps;
  let cached: { readonly policy: Promise<Policy>; readonly atMs: number } | null = null;
  bus.subscribe(({ kind }) => {
    if (kind === 'policy' || kind === 'resync') cached = null;
  });
  return {
    get() {
      const nowMs = clock.monotonicMs();
      if (cached === null || nowMs - cached.atMs > REMEMBERED_MS) {
        const policy = readPolicy(store.db);
        cached = { policy, atMs: nowMs };
        policy.catch(() => {
          cached = null;
        });
      }
      return cached.policy;
    },
    current: () => readVersionedPolicy(store.db),
    async set(actor, patch, options = {}) {
      const target = { kind: 'policy', id: null, name: null };
      const note = (entry: AuditEntry): void => audit.note(entry);
      const policy = await auditRefusals(note, actor, 'policy.set', target, () =>
        change(deps, actor, patch, options),
      );
      cached = null;
      return policy;
    },
    async history(actor, query = {}) {
      demandPrivilege(actor, 'manage_all');
      const limit = Math.min(Math.max(query.limit ?? DEFAULT_LIMIT, 1), MOST_ROWS);
      return readPolicyChanges(store, { limit, beforeVersion: query.beforeVersion });
    },
  };
}

async function change(
  { store, clock, audit, bus }: PolicyDeps,
  actor: Actor,
  asked: PolicyPatch,
  { expectedVersion, force = false }: PolicyChangeOptions,
): Promise<Policy> {
  demandAdmin(actor);
  const patch = asked.networks === undefined ? asked : { ...asked, networks: checkNetworks(asked.networks) };
  return store.transaction(async (trx) => {
    const current = await lockPolicy(trx, 'update');
    if (expectedVersion !== undefined) await demandVersion(trx, expectedVersion);
    const wanted = { ...current, ...patch };
    checkPolicy(wanted, patch);
    const isNew = !isDeepStrictEqual(wanted.networks, current.networks);
    if (isNew && !force) demandOwnAddress(actor, wanted.networks);
    const by = { uid: actor.uid, name: actor.name, at: clock.now() };
    const made = await changePolicy(trx, patch, by);
    if (made === null) return current;
    const detail = { before: made.before, after: made.after };
    const target = { kind: 'policy', id: String(made.version), name: null };
    await audit.append(auditEntry(actor, 'policy.set', target, { detail }), trx);
    await bus.publish({ kind: 'policy' }, trx);
    return wanted;
  });
}

/** Called under the lock. @throws RequestError request.conflict */
async function demandVersion(trx: StoreTransaction, expected: number): Promise<void> {
  const { version } = await readVersionedPolicy(trx);
  if (version === expected) return;
  throw new RequestError('request.conflict', 'The policy was changed by somebody else in the meantime.');
}
