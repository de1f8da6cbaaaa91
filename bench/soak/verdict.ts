import { setTimeout as delay } from 'node:timers/promises';

import { holdings, liveSessions, type Holdings } from './holdings.ts';
import type { SoakGround } from './ground.ts';
import type { Tally } from './tally.ts';

/** What is in flight when the clients stop may take so long to be written, closed and given back. */
const PATIENCE_MS = 60_000;
/** Connections to the store are kept for a minute when nobody needs them. */
const STORE_PATIENCE_MS = 90_000;
/** What may be under way at any time, such as a look at the store's events. */
const SPARE = 2;

const COUNTED = ['files', 'sockets', 'timers'] as const;
const MEASURED = [
  ['heapMb', 'heap'],
  ['externalMb', 'outside the heap'],
  ['residentMb', 'memory'],
] as const;
/** After so many, the compiler has made nearly all the machine code that it is going to make. */
const WARM_LOGINS = 200_000;
/** From there to a million logins, the heap of a run that was sound grew by 1.2 MB, and what is outside by nothing. */
const SPARE_MB = { heapMb: 3, externalMb: 1, residentMb: 24 } as const;
/** Before, it grows by what is compiled. */
const SPARE_MB_WHILE_COMPILING = { heapMb: 8, externalMb: 1, residentMb: 48 } as const;

const GATEWAY_SESSIONS = `select count(*) from pg_stat_activity
  where backend_type = 'client backend' and pid <> pg_backend_pid()`;
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

/**
 * What is held at each of the stages against what was before anybody came, and at the end against what was when all code had
 * run and been compiled.
 * @param held at rest, one after the other
 */
export function judgeHoldings(
  idle: Holdings,
  held: readonly Holdings[],
  tally: Pick<Tally, 'violated'>,
): void {
  for (const one of held) {
    for (const what of COUNTED) {
      if (one[what] > idle[what] + SPARE) {
        tally.violated(`${what}: ${idle[what]} before, ${one[what]} after ${one.logins} logins`);
      }
    }
  }
  const last = held.at(-1);
  const warm = held.find(({ logins }) => logins >= WARM_LOGINS) ?? held[1] ?? held[0];
  if (last === undefined || warm === undefined) return;
  const spare = warm.logins >= WARM_LOGINS ? SPARE_MB : SPARE_MB_WHILE_COMPILING;
  for (const [what, name] of MEASURED) {
    const grewMb = last[what] - warm[what];
    if (grewMb > spare[what]) {
      tally.violated(
        `${name}: ${warm[what]} MB after ${warm.logins} logins, ${last[what]} MB after ${last.logins}`,
      );
    }
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
