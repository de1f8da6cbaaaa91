import pg from 'pg';

import { ERROR_REFERENCE } from '../../src/core/error-reference.ts';
import type { Audit } from '../../src/store/audit.ts';
import type { Tally } from './tally.ts';

type Accounted = Pick<
  Tally,
  'acknowledged' | 'missed' | 'refused' | 'changes' | 'unsureChanges' | 'violated'
>;
type Counts = ReadonlyMap<string, number>;

const OPENED = `select coalesce(actor_tid, actor_uid)::text as what, count(*)::int as n from patgate.audit
  where action = 'login' and outcome = 'ok' group by 1`;
const CLOSED = `select coalesce(actor_tid, actor_uid)::text as what, count(*)::int as n from patgate.audit
  where action = 'session.close' group by 1`;
/** One row may stand for many, see src/store/folded-refusals.ts. */
const REFUSED = `select coalesce(reason, '') as what, sum(coalesce((detail::json->>'folded')::int, 1))::int as n
  from patgate.audit where action = 'login' and outcome = 'refused' group by 1`;
const FAILED = `select coalesce(reason, '') as what, count(*)::int as n from patgate.audit
  where outcome = 'failed' or outcome = 'refused' and action <> 'login' group by 1`;
const CHANGED = `select action || ' ' || coalesce(target_id, '') as what, count(*)::int as n from patgate.audit
  where action not in ('login', 'session.close') and outcome = 'ok' group by 1`;

/**
 * Says of the audit what is not right with it: rows that are missing, rows that nothing explains, a chain that is broken. To be
 * called when the gateway has ended and has written all there is.
 */
export async function judgeAudit(
  { url, audit }: { readonly url: string; readonly audit: Pick<Audit, 'verify'> },
  tally: Accounted,
): Promise<{ rows: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const counted = async (sql: string): Promise<Counts> => {
    const { rows } = await client.query<{ what: string; n: number }>(sql);
    return new Map(rows.map(({ what, n }) => [what, n]));
  };
  try {
    const opened = await counted(OPENED);
    judgeLogins(opened, tally);
    judgeEnds(opened, await counted(CLOSED), tally);
    judgeRefused(await counted(REFUSED), tally);
    judgeChanges(await counted(CHANGED), tally);
    for (const [reason, n] of await counted(FAILED))
      tally.violated(`audit: ${n} rows of what failed: ${reason}`);
  } finally {
    await client.end();
  }
  const verdict = await audit.verify();
  if (!verdict.ok) tally.violated(`the audit is broken at row ${verdict.seq}: ${verdict.problem}`);
  return { rows: verdict.ok ? verdict.rows : 0 };
}

/** Each login that a client was told of has a row; each whose answer it did not get explains one. */
function judgeLogins(opened: Counts, tally: Accounted): void {
  const { acknowledged, missed } = tally;
  for (const who of new Set([...opened.keys(), ...acknowledged.keys()])) {
    const [rows, told] = [opened.get(who) ?? 0, acknowledged.get(who) ?? 0];
    const most = told + (missed.get(who) ?? 0);
    if (rows < told) tally.violated(`audit: of ${told} logins of ${who}, ${told - rows} lack their row`);
    if (rows > most)
      tally.violated(`audit: ${rows} rows of logins of ${who}, who logged in ${most} times at most`);
  }
}

function judgeEnds(opened: Counts, closed: Counts, tally: Accounted): void {
  for (const who of new Set([...opened.keys(), ...closed.keys()])) {
    const [begun, ended] = [opened.get(who) ?? 0, closed.get(who) ?? 0];
    if (begun !== ended) tally.violated(`audit: ${begun} logins of ${who}, but ${ended} ends of sessions`);
  }
}

function judgeRefused(rows: Counts, tally: Accounted): void {
  const { refused, missed } = tally;
  const heard = new Map([...refused].filter(([sqlState]) => /^[0-9A-Z]{5}$/.test(sqlState)));
  for (const sqlState of new Set([...heard.keys(), '28P01'])) {
    const told = heard.get(sqlState) ?? 0;
    const written = sum([...rows].filter(([reason]) => isOf(reason, sqlState)).map(([, n]) => n));
    if (written < told) {
      tally.violated(`audit: of ${told} logins refused with ${sqlState}, ${told - written} lack their row`);
    }
  }
  const most = sum(heard.values()) + sum(missed.values());
  const written = sum(rows.values());
  if (written > most) tally.violated(`audit: ${written} logins were refused, by clients ${most} at most`);
  const wrongSecrets = sum([...rows].filter(([reason]) => isOf(reason, '28P01')).map(([, n]) => n));
  const mostWrong = (heard.get('28P01') ?? 0) + sum(missed.values());
  if (wrongSecrets > mostWrong) {
    tally.violated(`audit: ${wrongSecrets} secrets were refused, by clients ${mostWrong} at most`);
  }
}

/** Whether a client hears that SQLSTATE for the reason; where an engine answers in its own words, it may be any but that for a secret. */
function isOf(reason: string, sqlState: string): boolean {
  const sqlStates: readonly string[] =
    (ERROR_REFERENCE as Readonly<Record<string, { sqlStates: readonly string[] }>>)[reason]?.sqlStates ?? [];
  return sqlStates.includes(sqlState) || (reason === 'engine.refused' && sqlState !== '28P01');
}

/** What the soak did as an operator, each with the id of what it was done to. */
function judgeChanges(written: Counts, tally: Accounted): void {
  const { changes, unsureChanges } = tally;
  let unexplained = 0;
  for (const [what, n] of written) unexplained += Math.max(0, n - (changes.get(what) ?? 0));
  for (const [what, told] of changes) {
    const rows = written.get(what) ?? 0;
    if (rows < told) tally.violated(`audit: "${what}" was done ${told} times and has ${rows} rows`);
  }
  if (unexplained > unsureChanges) {
    const those = [...written].filter(([what, n]) => n > (changes.get(what) ?? 0)).map(([what]) => what);
    tally.violated(`audit: ${unexplained} changes that nobody made: ${those.slice(0, 5).join(', ')}`);
  }
}

function sum(numbers: Iterable<number>): number {
  let all = 0;
  for (const one of numbers) all += one;
  return all;
}
