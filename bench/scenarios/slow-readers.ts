import { setTimeout as delay } from 'node:timers/promises';

import { LoadClient, query } from '../load/client.ts';
import type { Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import type { Figures, Row, Scenario } from './scenario.ts';
import { residentKbOf } from './usage.ts';

const READERS = 8;
const GROWTH = 'growth a reader, MB';
/** The result that each asks for. */
const MEGABYTES = 100;
const STEPS = 20;
const STEP_MS = 150;

/** Clients that read a large result a little at a time: the gateway must make the engine wait, not keep it for them. */
export function slowReaders({ pgbouncer, haproxy, patgate }: Targets): Scenario {
  const row = (name: string, target: Row['target']): Row => ({
    name,
    target,
    ownProcess: true,
    run: measure,
  });
  return {
    name: `memory with ${READERS} slow readers of ${MEGABYTES} MB`,
    figures: [GROWTH],
    reference: null,
    rounds: 1,
    rows: [row('PgBouncer', pgbouncer), row('HAProxy', haproxy), row('patgate', patgate)],
  };
}

async function measure(place: Running): Promise<Figures> {
  const opening = Array.from({ length: READERS }, () => LoadClient.open(place.door('fake')));
  const clients = await Promise.all(opening);
  try {
    await delay(STEP_MS);
    const before = residentKbOf(place);
    let most = before;
    for (const client of clients) {
      client.heed(() => client.socket.pause());
      client.socket.write(query(`out ${MEGABYTES}`));
    }
    for (let step = 0; step < STEPS; step++) {
      await delay(STEP_MS);
      most = Math.max(most, residentKbOf(place));
      for (const client of clients) client.socket.resume();
    }
    return { [GROWTH]: (most - before) / 1024 / READERS };
  } finally {
    for (const client of clients) client.close();
  }
}
