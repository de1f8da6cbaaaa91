import { setTimeout as delay } from 'node:timers/promises';

import { LoadClient } from '../load/client.ts';
import { openFileLimit } from '../processes.ts';
import type { Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import type { Figures, Row, Scenario } from './scenario.ts';
import { residentKbOf } from './usage.ts';

/** Sessions at which memory is read; the quick run stops at the second. */
const MARKS: readonly number[] = [1000, 2000, 5000, 10_000];
const QUICK_MARKS = 2;
const AT_ONCE = 50;
const SETTLE_MS = 1500;
/** Each session takes two in a gateway, which keeps others free for logins under way, idle engine sessions, store and HTTP. */
const FILES_OF_OTHERS = 4000;

const figureOf = (from: number, to: number): string =>
  from === 0 ? `kB a session, first ${group(to)}` : `kB a session, ${group(from)} to ${group(to)}`;

const FIGURES = MARKS.map((mark, index) => figureOf(MARKS[index - 1] ?? 0, mark));

/** How much resident memory idle sessions take, each step beyond the one before it. */
export function memory({ pgbouncer, haproxy, patgate }: Targets, quick: boolean): Scenario {
  const marks = quick ? MARKS.slice(0, QUICK_MARKS) : MARKS;
  const row = (name: string, target: Row['target'], tls: boolean): Row => ({
    name,
    target,
    ownProcess: true,
    run: (place) => measure(place, marks, tls),
  });
  return {
    name: 'resident memory of idle sessions',
    figures: FIGURES,
    reference: null,
    rounds: 1,
    rows: [
      row('PgBouncer', pgbouncer, false),
      row('HAProxy', haproxy, false),
      row('patgate', patgate, false),
      row('PgBouncer, TLS', pgbouncer, true),
      row('patgate, TLS', patgate, true),
    ],
  };
}

async function measure(place: Running, marks: readonly number[], tls: boolean): Promise<Figures> {
  const clients: LoadClient[] = [];
  const open = async (count: number): Promise<void> => {
    const opening = Array.from({ length: count }, () => LoadClient.open(place.door('fake'), { tls }));
    clients.push(...(await Promise.all(opening)));
  };
  try {
    // what a process needs once, whatever the number of sessions
    await open(AT_ONCE);
    for (const client of clients.splice(0)) await client.leave();
    const figures: Record<string, number> = {};
    let [count, kb] = [0, await settled(place)];
    for (const [index, mark] of marks.entries()) {
      const reachable = Math.min(mark, Math.floor((openFileLimit() - FILES_OF_OTHERS) / 2));
      while (clients.length < reachable) await open(Math.min(AT_ONCE, reachable - clients.length));
      const now = await settled(place);
      figures[figureOf(MARKS[index - 1] ?? 0, mark)] = (now - kb) / (clients.length - count);
      [count, kb] = [clients.length, now];
    }
    return figures;
  } finally {
    for (const client of clients) client.close();
  }
}

async function settled(place: Running): Promise<number> {
  await delay(SETTLE_MS);
  return residentKbOf(place);
}

function group(count: number): string {
  return count.toLocaleString('en');
}
