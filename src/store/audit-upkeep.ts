import type { Kysely } from 'kysely';
import type { AuditVerdict } from './audit.ts';
import { linkHash } from './audit-chain.ts';
import type { Database } from './schema.ts';
import type { Store, StoreTransaction } from './store.ts';

const PAGE = 2000;

/**
 * Reads the chain from its anchor to its head and recomputes every hash. Runs in one snapshot, so that rows which are added
 * meanwhile do not look like damage.
 */
export function verifyAudit(store: Store): Promise<AuditVerdict> {
  return store.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute((trx) => verifyIn(trx));
}

async function verifyIn(db: Kysely<Database>): Promise<AuditVerdict> {
  const head = await db.selectFrom('audit_head').selectAll().where('id', '=', 1).executeTakeFirst();
  if (head === undefined) return { ok: false, seq: 0, problem: 'the head of the chain is missing' };
  let { anchor_seq: seq, anchor_hash: hash } = head;
  const firstSeq = seq + 1;
  for (;;) {
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

/**
 * Removes the oldest rows. The hash of the last one removed stays as the anchor from which the rest still verifies.
 * @returns how many
 */
export async function pruneAudit(trx: StoreTransaction, before: Date): Promise<number> {
  const head = await trx
    .selectFrom('audit_head')
    .select(['anchor_seq'])
    .where('id', '=', 1)
    .forUpdate()
    .executeTakeFirstOrThrow();
  // The first row to stay decides, not each row's own time: clocks of replicas differ, and the chain must have no hole.
  const staying = await trx
    .selectFrom('audit')
    .select('seq')
    .where('at', '>=', before)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
  let dying = trx.selectFrom('audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1);
  if (staying !== undefined) dying = dying.where('seq', '<', staying.seq);
  const last = await dying.executeTakeFirst();
  if (last === undefined) return 0;
  await trx.deleteFrom('audit').where('seq', '<=', last.seq).execute();
  await trx
    .updateTable('audit_head')
    .set({ anchor_seq: last.seq, anchor_hash: last.hash })
    .where('id', '=', 1)
    .execute();
  return last.seq - head.anchor_seq;
}
