import { LoadClient, prepared, query } from '../load/client.ts';
import type { DatabaseName } from '../names.ts';
import { quantile } from '../statistics.ts';
import type { Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import type { Figures, Row, Scenario } from './scenario.ts';
import { cpuOf } from './usage.ts';

export interface RoundTrips {
  readonly clients: number;
  readonly engine: 'fake' | 'bench';
  readonly protocol: 'simple' | 'prepared';
  readonly tls?: boolean;
}

const CPU = 'CPU per round trip, µs';
export const TRIP_FIGURES = [CPU, 'round trips/s', 'median, ms', 'p99, ms'] as const;
const STATEMENT = 'SELECT abalance FROM accounts WHERE aid =';
const AID = '12345';

const ENGINE_NAMES = { fake: 'an engine that answers at once', bench: 'PostgreSQL' } as const;

/** Each client asks, waits for one small row, and asks again. */
export function roundTrips(targets: Targets, options: RoundTrips): Scenario {
  const { clients, engine, protocol, tls = false } = options;
  const row = (name: string, target: Row['target'], database: DatabaseName = engine): Row => ({
    name,
    target,
    run: (place, seconds) => measureRoundTrips(place, database, options, seconds),
  });
  const bySocket = `${engine}_socket` as const;
  return {
    name: `round trips, ${protocol}, ${clients} ${clients === 1 ? 'client' : 'clients'}, ${tls ? 'TLS, ' : ''}${ENGINE_NAMES[engine]}`,
    figures: TRIP_FIGURES,
    reference: 'PgBouncer',
    rows: [
      ...(tls ? [] : [row('direct', targets.direct)]),
      row('PgBouncer', targets.pgbouncer),
      ...(tls ? [] : [row('HAProxy', targets.haproxy)]),
      row('patgate', targets.patgate),
      ...(tls ? [] : [row('patgate, Unix socket to the engine', targets.patgate, bySocket)]),
    ],
  };
}

/** One round of one target. */
export async function measureRoundTrips(
  place: Running,
  database: DatabaseName,
  { clients: count, protocol, tls = false }: RoundTrips,
  seconds: number,
): Promise<Figures> {
  const opening = Array.from({ length: count }, () => LoadClient.open(place.door(database), { tls }));
  const clients = await Promise.all(opening);
  const question = protocol === 'simple' ? query(`${STATEMENT} ${AID}`) : await prepare(clients);
  const length = await answerLength(clients, question);
  let tookMs: number[] = [];
  let stopping = false;
  const run = (client: LoadClient): Promise<void> =>
    new Promise((resolve, reject) => {
      let startMs = 0;
      const ask = (): void => {
        startMs = performance.now();
        client.ask(question, length, next);
      };
      const next = (): void => {
        tookMs.push(performance.now() - startMs);
        if (stopping) resolve();
        else ask();
      };
      client.socket.once('close', () => reject(new Error('the connection was closed')));
      ask();
    });
  const all = Promise.all(clients.map(run));
  await Promise.race([pause(Math.min(300, seconds * 200)), all]);
  tookMs = [];
  const before = { cpu: cpuOf(place), at: performance.now() };
  await Promise.race([pause(seconds * 1000), all]);
  const after = { cpu: cpuOf(place), at: performance.now() };
  const sorted = Float64Array.from(tookMs).sort();
  stopping = true;
  await all;
  for (const client of clients) client.close();
  return {
    [CPU]: ((after.cpu - before.cpu) / sorted.length) * 1e6,
    'round trips/s': (sorted.length / (after.at - before.at)) * 1000,
    'median, ms': quantile(sorted, 0.5),
    'p99, ms': quantile(sorted, 0.99),
  };
}

/** Parses the statement in each session. @returns how it is run */
async function prepare(clients: readonly LoadClient[]): Promise<Buffer> {
  const { parse, execute } = prepared(`${STATEMENT} $1`, AID);
  for (const client of clients) {
    const ready = client.untilReady();
    client.socket.write(parse);
    await ready;
  }
  return execute;
}

async function answerLength(clients: readonly LoadClient[], question: Buffer): Promise<number> {
  let length = 0;
  for (const client of clients) {
    const ready = client.untilReady();
    client.socket.write(question);
    length = await ready;
  }
  return length;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
