import { sql, type Kysely } from 'kysely';
import type { AuditVerdict } from './audit.ts';
import { linkHash } from './audit-chain.ts';
import type { Database } from './schema.ts';
import type { Store, StoreTransaction } from './store.ts';

const PAGE = 2000;

/**
 * Reads the chain from its anchor to its head and recomputes every hash. Runs in one snapshot, so that rows which are added
 * meanwhile do not look like damage.
 * @param signal ends it
 */
export function verifyAudit(store: Store, signal: AbortSignal): Promise<AuditVerdict> {
  return store.aside((trx) => verifyIn(trx, signal));
}

async function verifyIn(db: Kysely<Database>, signal: AbortSignal): Promise<AuditVerdict> {
  const head = await db.selectFrom('audit_head').selectAll().where('id', '=', 1).executeTakeFirst();
  if (head === undefined) return { ok: false, seq: 0, problem: 'the head of the chain is missing' };
  let { anchor_seq: seq, anchor_hash: hash } = head;
  const firstSeq = seq + 1;
  for (;;) {
    signal.throwIfAborted();
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(PAGE)
      .execute();
    for (const row of rows) {
      if (row.seq !== seq + 1) return { ok: false, seq: seq + 1, problem: 'a row is missing' };
      const { hash: stored, ...record } = row;
      hash = linkHash(hash, record);
      if (!hash.equals(stored)) return { ok: false, seq: row.seq, problem: 'a row was changed or put in' };
      seq = row.seq;
    }
    if (rows.length < PAGE) break;
  }
  if (seq !== head.seq) return { ok: false, seq: seq + 1, problem: 'rows at the end are missing' };
  if (!hash.equals(head.hash)) return { ok: false, seq, problem: 'the head does not fit the last row' };
  const early = await db.selectFrom('audit').select('seq').where('seq', '<', firstSeq).limit(1).execute();
  const before = early[0];
  if (before !== undefined) return { ok: false, seq: before.seq, problem: 'a row stands before the anchor' };
  return { ok: true, rows: seq - firstSeq + 1, firstSeq: seq >= firstSeq ? firstSeq : null, lastSeq: seq };
}

/** Of one slice: no statement of it may be given up here while the store goes on with it. */
const SLICE_TIMEOUT_MS = 10_000;

export interface Slice {
  readonly before: Date;
  /** How many at most. */
  readonly rows: number;
  /** Of each statement; below the store's own limit. 10,000 when left out. */
  readonly timeoutMs?: number;
}

/**
 * Removes some of the oldest rows. The hash of the last one removed stays as the anchor from which the rest still verifies. The
 * head, for which everybody waits who has something to write, is locked last, and for moving the anchor alone.
 * @returns how many
 */
export async function pruneSlice(trx: StoreTransaction, slice: Slice): Promise<number> {
  await sql`set local statement_timeout = ${sql.lit(slice.timeoutMs ?? SLICE_TIMEOUT_MS)}`.execute(trx);
  const head = trx.selectFrom('audit_head').select('anchor_seq').where('id', '=', 1);
  const { anchor_seq: anchor } = await head.executeTakeFirstOrThrow();
  const last = await lastToGo(trx, anchor, slice);
  if (last === null) return 0;
  await trx.deleteFrom('audit').where('seq', '<=', last.seq).execute();
  const moved = await trx
    .updateTable('audit_head')
    .set({ anchor_seq: last.seq, anchor_hash: last.hash })
    .where('id', '=', 1)
    .where('anchor_seq', '=', anchor)
    .executeTakeFirstOrThrow();
  if (moved.numUpdatedRows === 0n) throw new Error('the anchor of the audit was moved by somebody else');
  return last.seq - anchor;
}

/** The first row to stay decides, not each row's own time: clocks of replicas differ, and the chain must have no hole. */
async function lastToGo(
  trx: StoreTransaction,
  anchor: number,
  { before, rows }: Slice,
): Promise<{ seq: number; hash: Buffer } | null> {
  const oldest = await trx
    .selectFrom('audit')
    .select(['seq', 'at', 'hash'])
    .where('seq', '>', anchor)
    .orderBy('seq')
    .limit(rows)
    .execute();
  const staying = oldest.findIndex(({ at }) => at >= before);
  return (staying < 0 ? oldest : oldest.slice(0, staying)).at(-1) ?? null;
}
