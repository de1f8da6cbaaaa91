import { findUserRow } from '../accounts/user-rows.ts';
import type { EventBus } from '../store/bus.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { SessionKind } from './authenticator.ts';

export interface EndedSession {
  readonly uid: string;
  /** The owner's. */
  readonly name: string;
  /** Of the personal access token that it was opened with. */
  readonly tid: string | null;
  readonly kind: SessionKind;
}

/**
 * Ends the session of a session token, and what was opened on the wire by it: every process is told to look at the sessions of
 * the personal access token behind it.
 * @returns null when there is none
 */
export async function endSessionOf(
  trx: StoreTransaction,
  bus: Pick<EventBus, 'publish'>,
  digest: Buffer,
): Promise<EndedSession | null> {
  const ended = await trx
    .deleteFrom('http_sessions')
    .where('digest', '=', digest)
    .returning(['uid', 'tid', 'kind'])
    .executeTakeFirst();
  if (ended === undefined) return null;
  const { tid, kind } = ended;
  if (kind === 'exchange' && tid !== null) {
    await bus.publish({ kind: 'tokens', tids: [tid], change: 'exchange_ended' }, trx);
  }
  const user = await findUserRow(trx, { uid: ended.uid });
  return { ...ended, name: user?.name ?? '' };
}
