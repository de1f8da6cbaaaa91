import { isDeepStrictEqual } from 'node:util';
import { DAY_MS } from '../core/duration.ts';
import { answering } from './errors.ts';
import type { Database, PolicyTable } from './schema.ts';
import type { Store, StoreTransaction } from './store.ts';
import type { Kysely, Selectable } from 'kysely';

/** Rules for tokens that administrators change while everything runs. */
export interface Policy {
  /** Off: nobody logs in with a token or creates one; nothing is deleted. */
  readonly tokensEnabled: boolean;
  /** Binds tokens issued from now on. */
  readonly maxLifetimeMs: number;
  readonly defaultLifetimeMs: number;
  readonly neverExpiringAllowed: boolean;
  /** Tokens that nobody used for so long are revoked with reason `inactive`; 0: never. */
  readonly revokeUnusedDays: number;
  /** Who holds *can use*: everyone, or those to whom it is granted. */
  readonly createAndUse: 'everyone' | 'granted';
  readonly maxLiveTokensPerUser: number;
  /** How long a rotated token lives on, when the rotation does not say. */
  readonly rotationOverlapMs: number;
  /** A login with a token that expires within so many days brings a notice; 0: none. */
  readonly expiryNoticeDays: number;
  /** Older audit rows are pruned; 0: kept for ever. */
  readonly auditRetentionDays: number;
  /** Networks (CIDR) that anybody may log in from; null: from anywhere. */
  readonly networks: readonly string[] | null;
}

export type PolicyPatch = { readonly [K in keyof Policy]?: Policy[K] };

export interface PolicyChange {
  /** Counts up by one with each change. */
  readonly version: number;
  readonly at: Date;
  /** Name of who did it. */
  readonly by: string;
  readonly before: PolicyPatch;
  readonly after: PolicyPatch;
}

/** What the first migration puts into the store. */
export const DEFAULT_POLICY: Policy = {
  tokensEnabled: true,
  maxLifetimeMs: 180 * DAY_MS,
  defaultLifetimeMs: 30 * DAY_MS,
  neverExpiringAllowed: false,
  revokeUnusedDays: 90,
  createAndUse: 'everyone',
  maxLiveTokensPerUser: 32,
  rotationOverlapMs: DAY_MS,
  expiryNoticeDays: 7,
  auditRetentionDays: 365,
  networks: null,
};

/** The policy of this moment. */
export async function readPolicy(db: Kysely<Database>): Promise<Policy> {
  return fromRow(await db.selectFrom('policy').selectAll().executeTakeFirstOrThrow());
}

export interface VersionedPolicy {
  readonly policy: Policy;
  /** Of the last change; 0: there was none. */
  readonly version: number;
}

export async function readVersionedPolicy(db: Kysely<Database>): Promise<VersionedPolicy> {
  const row = await db.selectFrom('policy').selectAll().executeTakeFirstOrThrow();
  return { policy: fromRow(row), version: row.version };
}

/**
 * The policy, held still until the transaction ends: `share` for those who act by it, `update` for those who change it or
 * the privileges that go with it. Taken before any other row, so that no two transactions wait for each other.
 */
export async function lockPolicy(trx: StoreTransaction, how: 'share' | 'update'): Promise<Policy> {
  const query = trx.selectFrom('policy').selectAll();
  const locked = how === 'share' ? query.forShare() : query.forUpdate();
  return fromRow(await locked.executeTakeFirstOrThrow());
}

/** @returns what was changed, or null when everything was so already */
export async function changePolicy(
  trx: StoreTransaction,
  patch: PolicyPatch,
  by: { readonly uid: string | null; readonly name: string; readonly at: Date },
): Promise<PolicyChange | null> {
  const current = await lockPolicy(trx, 'update');
  const [before, after] = difference(current, patch);
  if (Object.keys(after).length === 0) return null;
  const { version } = await trx
    .updateTable('policy')
    .set((eb) => ({ ...toRow({ ...current, ...patch }), version: eb('version', '+', 1) }))
    .returning('version')
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('policy_changes')
    .values({
      version,
      at: by.at,
      by_uid: by.uid,
      by_name: by.name,
      before: JSON.stringify(before),
      after: JSON.stringify(after),
    })
    .execute();
  return { version, at: by.at, by: by.name, before, after };
}

/** Newest first. */
export async function readPolicyChanges(
  store: Store,
  { limit, beforeVersion }: { readonly limit: number; readonly beforeVersion?: number | undefined },
): Promise<readonly PolicyChange[]> {
  let query = store.db.selectFrom('policy_changes').selectAll().orderBy('version', 'desc').limit(limit);
  if (beforeVersion !== undefined) query = query.where('version', '<', beforeVersion);
  const rows = await answering(() => query.execute());
  return rows.map(({ version, at, by_name, before, after }) => ({ version, at, by: by_name, before, after }));
}

function difference(current: Policy, patch: PolicyPatch): [before: PolicyPatch, after: PolicyPatch] {
  const keys = (Object.keys(patch) as (keyof Policy)[]).filter(
    (key) => !isDeepStrictEqual(patch[key], current[key]),
  );
  const pick = (from: PolicyPatch): PolicyPatch => Object.fromEntries(keys.map((key) => [key, from[key]]));
  return [pick(current), pick(patch)];
}

type PolicyColumns = Omit<Selectable<PolicyTable>, 'id' | 'version'>;

function fromRow(row: PolicyColumns): Policy {
  return {
    tokensEnabled: row.tokens_enabled,
    maxLifetimeMs: row.max_lifetime_ms,
    defaultLifetimeMs: row.default_lifetime_ms,
    neverExpiringAllowed: row.never_expiring_allowed,
    revokeUnusedDays: row.revoke_unused_days,
    createAndUse: row.create_and_use,
    maxLiveTokensPerUser: row.max_live_tokens_per_user,
    rotationOverlapMs: row.rotation_overlap_ms,
    expiryNoticeDays: row.expiry_notice_days,
    auditRetentionDays: row.audit_retention_days,
    networks: row.networks,
  };
}

function toRow(policy: Policy): PolicyColumns {
  return {
    tokens_enabled: policy.tokensEnabled,
    max_lifetime_ms: policy.maxLifetimeMs,
    default_lifetime_ms: policy.defaultLifetimeMs,
    never_expiring_allowed: policy.neverExpiringAllowed,
    revoke_unused_days: policy.revokeUnusedDays,
    create_and_use: policy.createAndUse,
    max_live_tokens_per_user: policy.maxLiveTokensPerUser,
    rotation_overlap_ms: policy.rotationOverlapMs,
    expiry_notice_days: policy.expiryNoticeDays,
    audit_retention_days: policy.auditRetentionDays,
    networks: policy.networks === null ? null : [...policy.networks],
  };
}
