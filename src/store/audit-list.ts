import { sql } from 'kysely';
import type { AuditQuery, AuditRow, LoginCount } from './audit.ts';
import { rowOf, storedName } from './audit-chain.ts';
import { answering } from './errors.ts';
import type { Store } from './store.ts';

const DEFAULT_LIMIT = 100;
const MOST_ROWS = 1000;

/** Newest first. */
export async function listAudit({ db }: Store, query: AuditQuery): Promise<readonly AuditRow[]> {
  let rows = db.selectFrom('audit').selectAll().orderBy('seq', 'desc');
  const { action, outcome, uid, actor, target, tid, from, before, beforeSeq } = query;
  if (action !== undefined) rows = rows.where('action', '=', action);
  if (outcome !== undefined) rows = rows.where('outcome', '=', outcome);
  if (from !== undefined) rows = rows.where('at', '>=', from);
  if (before !== undefined) rows = rows.where('at', '<', before);
  if (beforeSeq !== undefined) rows = rows.where('seq', '<', beforeSeq);
  if (uid !== undefined) {
    rows = rows.where((row) => row.or([row('actor_uid', '=', uid), row('target_id', '=', uid)]));
  }
  if (tid !== undefined) {
    rows = rows.where((row) => row.or([row('actor_tid', '=', tid), row('target_id', '=', tid)]));
  }
  if (actor !== undefined) {
    // The index of names holds those of strangers alone, so that a proved login has no more to write.
    const name = storedName(actor);
    const users = await db.selectFrom('users').select('uid').where('name', '=', name).execute();
    const uids = users.map((user) => user.uid);
    rows = rows.where((row) =>
      row.or([
        row('actor_uid', '=', sql<string>`any(${uids}::uuid[])`),
        row.and([row('actor_uid', 'is', null), row('actor_name', '=', name)]),
      ]),
    );
  }
  if (target !== undefined) {
    const name = storedName(target);
    rows = rows.where((row) => row.or([row('target_id', '=', name), row('target_name', '=', name)]));
  }
  const limit = Math.min(Math.max(query.limit ?? DEFAULT_LIMIT, 1), MOST_ROWS);
  return (await answering(() => rows.limit(limit).execute())).map(rowOf);
}

/**
 * Hours without a login are left out; oldest first. The method is cut out of the text of the details: text that strangers
 * chose, such as a database's name, has its quotes escaped there and may hold a NUL, which PostgreSQL's own JSON functions
 * refuse; and a regular expression would take most of the time.
 */
export async function loginsPerHour({ db }: Store, from: Date, before: Date): Promise<readonly LoginCount[]> {
  const { rows } = await sql<LoginCount>`
    select date_bin('1 hour', at, timestamptz 'epoch') as hour,
      nullif(split_part(split_part(detail, '"method":"', 2), '"', 1), '') as method, outcome,
      -- A row may stand for many refusals.
      sum(case when starts_with(detail, '{"folded":') then split_part(split_part(detail, ':', 2), ',', 1)::bigint
        else 1 end)::bigint as count
    from patgate.audit where at >= ${from} and at < ${before} and action = 'login'
    group by 1, 2, 3 order by 1, 3, 2`.execute(db);
  return rows;
}
