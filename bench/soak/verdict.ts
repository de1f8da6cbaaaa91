import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { holdings, liveSessions, type Holdings } from './holdings.ts';
import type { SoakGround } from './ground.ts';
import type { Tally } from './tally.ts';

/** What is in flight when the clients stop may take so long to be written, closed and given back. */
const PATIENCE_MS = 60_000;
/** Connections to the store are kept for a minute when nobody needs them. */
const STORE_PATIENCE_MS = 90_000;
/** What may be under way at any time, such as a look at the store's events. */
const SPARE = 2;
/** Code that is compiled and caches that fill up; what is kept of each login shows in the number of logins. */
const SPARE_HEAP_MB = 8;
/** Twice a cell of the heap would be one more for each login. */
const SPARE_BYTES_PER_LOGIN = 16;
const SPARE_RESIDENT_MB = 96;

const COUNTED = ['files', 'sockets', 'timers'] as const;

const GATEWAY_SESSIONS = `select count(*) from pg_stat_activity
  where backend_type = 'client backend' and pid <> pg_backend_pid()`;
const ROWS = `select coalesce(actor_tid, actor_uid)::text as who, count(*)::int as n from patgate.audit
  where action = 'login' and outcome = 'ok' group by 1`;
const LOGINS = `select count(*) from patgate.audit where action = 'login' and outcome = 'ok'`;
const CLOSES = `select count(*) from patgate.audit where action = 'session.close'`;
const LISTED = 'select count(*) from patgate.live_sessions';

/** Waits until nobody is there any more. @param idle before anybody was @returns what the gateway still holds */
export async function atRest(ground: SoakGround, tally: Tally, idle: Holdings): Promise<Holdings> {
  await settled('sessions are left', tally, async () => (await liveSessions(ground)) === 0);
  await settled(
    'engine sessions are left',
    tally,
    async () => (await ground.ask(ground.engine, GATEWAY_SESSIONS)) === 0,
  );
  await settled(
    'sessions are listed that are gone',
    tally,
    async () => (await ground.ask(ground.store, LISTED)) === 0,
  );
  await settled('logins and ends of sessions differ in the audit', tally, async () => {
    return (await ground.ask(ground.store, LOGINS)) === (await ground.ask(ground.store, CLOSES));
  });
  // Connections to the store that broke are opened again when they are wanted; the log lines of the last fault are written.
  await delay(2000);
  const deadline = performance.now() + STORE_PATIENCE_MS;
  for (;;) {
    const held = await holdings(ground, tally.logins);
    if (COUNTED.every((what) => held[what] <= idle[what] + SPARE) || performance.now() > deadline)
      return held;
    await delay(1000);
  }
}

/** Says of the audit what is not right with it. */
export async function judgeAudit(ground: SoakGround, tally: Tally): Promise<{ rows: number }> {
  const written = await rowsOf(ground);
  for (const [who, acknowledged] of tally.acknowledged) {
    const rows = written.get(who) ?? 0;
    if (rows < acknowledged) {
      tally.violated(
        `of ${acknowledged} logins of ${who}, ${acknowledged - rows} lack their row in the audit`,
      );
    }
  }
  const verdict = await ground.services.audit.verify();
  if (!verdict.ok) tally.violated(`the audit is broken at row ${verdict.seq}: ${verdict.problem}`);
  return { rows: verdict.ok ? verdict.rows : 0 };
}

/** @param held at rest, one after the other; the first one when all code had run */
export function judgeHoldings(idle: Holdings, held: readonly Holdings[], tally: Tally): void {
  const [first, last] = [held[0], held.at(-1)];
  if (first === undefined || last === undefined) return;
  for (const what of COUNTED) {
    if (last[what] > idle[what] + SPARE) tally.violated(`${what}: ${idle[what]} before, ${last[what]} after`);
  }
  const perLoginMb = ((last.logins - first.logins) * SPARE_BYTES_PER_LOGIN) / 2 ** 20;
  const grewMb = last.heapMb + last.externalMb - first.heapMb - first.externalMb;
  if (grewMb > SPARE_HEAP_MB + perLoginMb) {
    tally.violated(`heap: ${grewMb.toFixed(1)} MB more than after ${first.logins} logins`);
  }
  if (last.residentMb > first.residentMb + SPARE_RESIDENT_MB) {
    tally.violated(
      `memory: ${first.residentMb} MB after ${first.logins} logins, ${last.residentMb} MB at the end`,
    );
  }
}

async function rowsOf({ store }: SoakGround): Promise<ReadonlyMap<string, number>> {
  const client = new pg.Client({ connectionString: store.url() });
  await client.connect();
  try {
    const { rows } = await client.query<{ who: string; n: number }>(ROWS);
    return new Map(rows.map(({ who, n }) => [who, n]));
  } finally {
    await client.end();
  }
}

async function settled(otherwise: string, tally: Tally, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) {
      tally.violated(otherwise);
      return;
    }
    await delay(500);
  }
}
