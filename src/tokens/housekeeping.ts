import { sql } from 'kysely';
import { systemActor } from '../accounts/actor.ts';
import type { Clock } from '../core/clock.ts';
import { DAY_MS } from '../core/duration.ts';
import { inSlices } from '../core/in-slices.ts';
import { readPolicy } from '../store/policy.ts';
import { revokeFound } from './revoke.ts';
import type { TokenServiceDeps } from './service-deps.ts';

/** Rows that one transaction takes, so that none holds others up for long. */
const SLICE = 200;
/** The same, of what is one plain statement. */
const ROWS_AT_ONCE = 5000;

/**
 * Revokes tokens that nobody has used for as long as the policy says, counted from their making when they never were. A
 * token whose session still runs is in use, however long ago it began.
 * @returns how many
 */
export async function revokeInactive(deps: TokenServiceDeps, signal: AbortSignal): Promise<number> {
  const { revokeUnusedDays } = await readPolicy(deps.store.db);
  if (revokeUnusedDays === 0) return 0;
  const before = daysAgo(deps.clock, revokeUnusedDays);
  return inSlices(signal, SLICE, () => revokeSlice(deps, before));
}

function revokeSlice(deps: TokenServiceDeps, before: Date): Promise<number> {
  return deps.store.transaction(async (trx) => {
    const { rows } = await sql<{ tid: string; uid: string; label: string }>`
      select t.tid, t.uid, t.label from patgate.tokens t
      where t.revoked_at is null and (t.expires_at is null or t.expires_at > ${deps.clock.now()})
        and coalesce(t.last_used_at, t.created_at) < ${before}
        and not exists (select 1 from patgate.live_sessions s where s.tid = t.tid)
      order by t.tid limit ${SLICE} for update`.execute(trx);
    const found = rows.map((row) => ({ ...row, revoked: false }));
    return revokeFound(trx, deps, systemActor('inactivity'), found, 'inactive');
  });
}

/**
 * Writes down that the overlap of rotated tokens is over. They have not worked since; this keeps them out of the index of
 * what a login must try.
 * @returns how many
 */
export function endRetired({ store, clock }: TokenServiceDeps, signal: AbortSignal): Promise<number> {
  const due = store.db
    .selectFrom('tokens')
    .select('tid')
    .where('revoked_at', 'is', null)
    .where('retires_at', '<=', clock.now())
    .limit(ROWS_AT_ONCE);
  return inSlices(signal, ROWS_AT_ONCE, async () => {
    const ended = await store.db
      .updateTable('tokens')
      .set((eb) => ({ revoked_at: eb.ref('retires_at') }))
      .where('tid', 'in', due)
      .where('revoked_at', 'is', null)
      .executeTakeFirstOrThrow();
    return Number(ended.numUpdatedRows);
  });
}

/** @returns how many */
export function forgetExpiredSessions(
  { store, clock }: TokenServiceDeps,
  signal: AbortSignal,
): Promise<number> {
  const expired = store.db
    .selectFrom('http_sessions')
    .select('digest')
    .where('expires_at', '<=', clock.now())
    .limit(ROWS_AT_ONCE);
  return inSlices(signal, ROWS_AT_ONCE, async () => {
    const gone = await store.db
      .deleteFrom('http_sessions')
      .where('digest', 'in', expired)
      .executeTakeFirstOrThrow();
    return Number(gone.numDeletedRows);
  });
}

/** @returns how many rows */
export async function pruneOldAudit(
  { store, clock, audit }: TokenServiceDeps,
  signal: AbortSignal,
): Promise<number> {
  const { auditRetentionDays } = await readPolicy(store.db);
  return auditRetentionDays === 0 ? 0 : audit.prune(daysAgo(clock, auditRetentionDays), signal);
}

function daysAgo(clock: Clock, days: number): Date {
  return new Date(clock.now().getTime() - days * DAY_MS);
}
