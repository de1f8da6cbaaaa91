import { sql } from 'kysely';
import type { Clock } from '../core/clock.ts';
import { DAY_MS } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Store } from '../store/store.ts';

/** A token that is about to expire, and whom to tell. */
export interface ExpiryNotice {
  readonly tid: string;
  readonly label: string;
  /** First characters of the secret. */
  readonly prefix: string;
  readonly expiresAt: Date;
  readonly owner: string;
  readonly email: string | null;
}

/**
 * `refused`: the other side will never take this one, so it is not tried again. `postponed`: it does not take this one now, which says
 * nothing about others. `skipped`: there is nobody to tell.
 */
export type Delivery = 'sent' | 'skipped' | 'refused' | 'postponed';

/** A way to tell owners. */
export interface NoticeChannel {
  /** Under which it is remembered that an owner was told. */
  readonly name: string;
  /** Rejects when nothing can be delivered by it at the moment. */
  deliver(notice: ExpiryNotice): Promise<Delivery>;
}

export interface NoticeDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

const BATCH = 100;

/**
 * Tells owners of tokens that expire within so many days, once by each channel. What cannot be delivered now waits for the
 * next time. A crash between the sending and its row can make a notice come twice.
 * @param when days as the policy has them; 0: nobody is told
 * @returns how many notices were sent
 */
export async function sendExpiryNotices(
  deps: NoticeDeps,
  channels: readonly NoticeChannel[],
  when: { readonly days: number; readonly signal: AbortSignal },
): Promise<number> {
  if (when.days === 0) return 0;
  let sent = 0;
  for (const channel of channels) sent += await sendBy(deps, channel, when);
  return sent;
}

async function sendBy(
  deps: NoticeDeps,
  channel: NoticeChannel,
  when: { readonly days: number; readonly signal: AbortSignal },
): Promise<number> {
  let sent = 0;
  let settled = 0;
  let batch: ExpiryNotice[] = [];
  do {
    batch = await due(deps, channel.name, when.days, batch.at(-1) ?? null);
    for (const notice of batch) {
      if (when.signal.aborted) return sent;
      const delivery = await tryOne(deps, channel, notice);
      if (delivery === null) return sent;
      if (delivery === 'sent') sent += 1;
      if (delivery === 'postponed') continue;
      settled += 1;
      await remember(deps, channel.name, notice.tid);
    }
    // Those that are postponed stay in front, and must not keep the others behind them for ever.
  } while (batch.length === BATCH && settled < BATCH);
  return sent;
}

/** @returns null when the others need not be tried either */
async function tryOne(
  { log }: NoticeDeps,
  channel: NoticeChannel,
  notice: ExpiryNotice,
): Promise<Delivery | null> {
  const context = { channel: channel.name, tid: notice.tid };
  try {
    const delivery = await channel.deliver(notice);
    if (delivery === 'refused') log.warn(context, 'an expiry notice was refused for good');
    if (delivery === 'postponed') log.warn(context, 'an expiry notice waits for the next time');
    return delivery;
  } catch (error) {
    log.warn({ ...context, reason: describeError(error) }, 'expiry notices wait for the next time');
    return null;
  }
}

/**
 * Those that expire first come first. A token that was rotated has a successor already.
 * @param behind which to go on; null: from the first one
 */
async function due(
  { store, clock }: NoticeDeps,
  channel: string,
  days: number,
  behind: ExpiryNotice | null,
): Promise<ExpiryNotice[]> {
  const now = clock.now();
  const rest =
    behind === null
      ? sql`true`
      : sql`(coalesce(t.expires_at, 'infinity'::timestamptz), t.tid) > (${behind.expiresAt}, ${behind.tid}::uuid)`;
  const { rows } = await sql<ExpiryNotice>`
    select t.tid, t.label, t.prefix, t.expires_at as "expiresAt", u.name as owner, u.email
    from patgate.tokens t join patgate.users u on u.uid = t.uid
    where t.revoked_at is null and t.rotated_to is null and u.disabled_at is null and u.removed_at is null
      and coalesce(t.expires_at, 'infinity'::timestamptz) > ${now}
      and coalesce(t.expires_at, 'infinity'::timestamptz) <= ${new Date(now.getTime() + days * DAY_MS)}
      and not exists (select 1 from patgate.notices n where n.tid = t.tid and n.channel = ${channel})
      and ${rest}
    order by coalesce(t.expires_at, 'infinity'::timestamptz), t.tid limit ${BATCH}`.execute(store.db);
  return rows;
}

async function remember({ store, clock }: NoticeDeps, channel: string, tid: string): Promise<void> {
  await store.db
    .insertInto('notices')
    .values({ tid, channel, sent_at: clock.now() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
