import { setTimeout as delay } from 'node:timers/promises';

import { holdings, type Holdings, type SoakGround } from './ground.ts';
import type { Tally } from './tally.ts';

/** What is in flight when the clients stop may take so long to be written, closed and given back. */
const PATIENCE_MS = 60_000;
/** Connections to the store that come and go, and what Node opens by itself. */
const FILES_SPARE = 20;
const TIMERS_SPARE = 20;

const GATEWAY_SESSIONS = `select count(*) from pg_stat_activity
  where backend_type = 'client backend' and pid <> pg_backend_pid()`;
const LOGINS = `select count(*) from patgate.audit where action = 'login' and outcome = 'ok'`;
const CLOSES = `select count(*) from patgate.audit where action = 'session.close'`;
const LISTED = 'select count(*) from patgate.live_sessions';

export interface Before {
  readonly idle: Holdings;
  readonly quarter: Holdings;
}

/** Waits until all is quiet, then says what is left that should not be. @returns what the gateway still holds */
export async function judge(ground: SoakGround, tally: Tally, before: Before): Promise<Holdings> {
  await settled('sessions are left', tally, async () => (await holdings(ground)).sessions === 0);
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
  await settled(
    'logins lack their row in the audit',
    tally,
    async () => (await ground.ask(ground.store, LOGINS)) >= tally.logins,
  );
  await settled('logins and ends of sessions differ in the audit', tally, async () => {
    return (await ground.ask(ground.store, LOGINS)) === (await ground.ask(ground.store, CLOSES));
  });
  const verdict = await ground.services.audit.verify();
  if (!verdict.ok) tally.violated(`the audit is broken at row ${verdict.seq}: ${verdict.problem}`);
  let after = await holdings(ground);
  await settled('files or connections are left open', tally, async () => {
    after = await holdings(ground);
    return after.files <= before.idle.files + FILES_SPARE;
  });
  if (after.timers > before.idle.timers + TIMERS_SPARE) {
    tally.violated(`timers: ${before.idle.timers} before, ${after.timers} after`);
  }
  if (after.heapMb > before.quarter.heapMb * 1.5 + 30) {
    tally.violated(`heap: ${before.quarter.heapMb} MB after a quarter, ${after.heapMb} MB at the end`);
  }
  return after;
}

async function settled(otherwise: string, tally: Tally, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) {
      tally.violated(otherwise);
      return;
    }
    await delay(200);
  }
}
