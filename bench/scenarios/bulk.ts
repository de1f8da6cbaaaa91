import { once } from 'node:events';

import { COPY_CHUNK, frame } from '../engines/frames.ts';
import { LoadClient, query } from '../load/client.ts';
import type { DatabaseName } from '../names.ts';
import type { Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import type { Figures, Row, Scenario } from './scenario.ts';
import { cpuOf } from './usage.ts';

const CPU = 'CPU per MB, µs';
const RATE = 'MB/s';

export interface Bulk {
  readonly engine: 'fake' | 'bench';
  readonly direction: 'out' | 'in';
  /** PostgreSQL's rows: 8 kB, or the customary hundred bytes. */
  readonly rows?: 'wide' | 'narrow';
  readonly tls?: boolean;
}

/** Moves some megabytes. @returns how many bytes that were */
type Step = (client: LoadClient) => Promise<number>;

/** One client reads or sends a large COPY as fast as it comes or is taken. */
export function bulk(targets: Targets, options: Bulk): Scenario {
  const { engine, direction, rows = 'wide', tls = false } = options;
  const step = stepOf(options);
  const row = (name: string, target: Row['target'], database: DatabaseName = engine): Row => ({
    name,
    target,
    run: (place, seconds) => measure(place, database, { seconds, step, tls }),
  });
  const what = engine === 'fake' ? 'an engine that answers at once' : `PostgreSQL, ${rows} rows`;
  return {
    name: `COPY ${direction.toUpperCase()}, ${tls ? 'TLS, ' : ''}${what}`,
    figures: [RATE, CPU],
    reference: 'PgBouncer',
    rows: [
      ...(tls ? [] : [row('direct', targets.direct)]),
      row('PgBouncer', targets.pgbouncer),
      ...(tls ? [] : [row('HAProxy', targets.haproxy)]),
      row('patgate', targets.patgate),
      ...(tls ? [] : [row('patgate, Unix socket to the engine', targets.patgate, `${engine}_socket`)]),
    ],
  };
}

/** Megabytes of one COPY of the fake engine. */
const STEP_MB = 50;

function stepOf({ engine, direction, rows = 'wide' }: Bulk): Step {
  if (direction === 'out') {
    const question = query(engine === 'fake' ? `out ${STEP_MB}` : `COPY ${rows} TO STDOUT`);
    return async (client) => {
      const done = client.untilReady();
      client.socket.write(question);
      return done;
    };
  }
  const chunk = engine === 'fake' ? COPY_CHUNK : copyRows(rows === 'wide' ? 8000 : 95);
  const question = query(engine === 'fake' ? 'in' : 'BEGIN; TRUNCATE target; COPY target FROM STDIN');
  return (client) => copyIn(client, question, chunk, engine === 'fake');
}

async function measure(
  place: Running,
  database: DatabaseName,
  { seconds, step, tls }: { seconds: number; step: Step; tls: boolean },
): Promise<Figures> {
  const client = await LoadClient.open(place.door(database), { tls });
  await step(client);
  const startMs = performance.now();
  const startCpu = cpuOf(place);
  let bytes = 0;
  do bytes += await step(client);
  while (performance.now() - startMs < seconds * 1000);
  const cpu = cpuOf(place) - startCpu;
  const tookMs = performance.now() - startMs;
  client.close();
  return { [RATE]: bytes / 1000 / tookMs, [CPU]: (cpu / bytes) * 1e12 };
}

/** Sends a COPY; with PostgreSQL in a transaction of its own, which is rolled back so that the disk has no part in it. */
async function copyIn(client: LoadClient, question: Buffer, chunk: Buffer, fake: boolean): Promise<number> {
  const answered = client.nextType();
  client.socket.write(question);
  const type = await answered;
  if (type === 'E') throw new Error('COPY was refused');
  let sent = 0;
  const done = client.untilReady();
  for (; sent < STEP_MB * 1e6; sent += chunk.length) {
    if (!client.socket.write(chunk)) await once(client.socket, 'drain');
  }
  client.socket.write(fake ? frame('c') : Buffer.concat([frame('c'), query('ROLLBACK')]));
  await done;
  return sent;
}

/** About 64 kB of CopyData messages with a row in each. */
function copyRows(bytes: number): Buffer {
  const row = frame('d', `${'x'.repeat(bytes)}\n`);
  return Buffer.concat(Array.from({ length: Math.floor(65_536 / row.length) }, () => row));
}
