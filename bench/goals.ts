import type { Scenario } from './scenarios/scenario.ts';
import { ratioTo, type Results } from './table.ts';
import { spread, type Spread } from './statistics.ts';

/** What the product sets itself: a bound on a figure, or on its ratio to another row's. */
export interface Goal {
  readonly text: string;
  /** How its scenario's name begins. */
  readonly scenario: string;
  readonly figure: string;
  readonly row: string;
  /** Left out: the figure itself is bounded. */
  readonly to?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface Verdict {
  readonly goal: Goal;
  readonly found: Spread;
  readonly met: boolean;
}

const CPU_TRIP = 'CPU per round trip, µs';
const SOCKET = 'patgate, Unix socket to the engine';
const at = (clients: number): string => `round trips, simple, ${clients} clients, an engine`;
const perTrip = (clients: number, row: string, atMost: number): Goal => ({
  text: `CPU per round trip, ${clients} clients${row === SOCKET ? ', Unix socket to the engine' : ''}, to PgBouncer's`,
  scenario: at(clients),
  figure: CPU_TRIP,
  row,
  to: 'PgBouncer',
  atMost,
});
const bulk = (scenario: string, to: string, atLeast: number): Goal => ({
  text: `MB/s, ${scenario}, to ${to}'s`,
  scenario,
  figure: 'MB/s',
  row: 'patgate',
  to,
  atLeast,
});
const logins = (row: string, to: string, atLeast: number): Goal => ({
  text: `logins/s, ${row}, to ${to}`,
  scenario: 'logins with a query',
  figure: 'logins/s',
  row,
  to,
  atLeast,
});
const memory = (row: string, figure: string, atMost: number): Goal => ({
  text: `${row}: ${figure}`,
  scenario: 'resident memory of idle',
  figure,
  row,
  atMost,
});
const inCrowd = (row: string, figure: string): Goal => ({
  text: `login in a hostile crowd, ${row}: ${figure}`,
  scenario: 'logins and sessions in a hostile crowd',
  figure,
  row,
  atMost: 2,
});

export const GOALS: readonly Goal[] = [
  perTrip(8, 'patgate', 1.25),
  perTrip(32, 'patgate', 1.25),
  perTrip(8, SOCKET, 1.1),
  perTrip(32, SOCKET, 1.1),
  bulk('COPY OUT, an engine that answers at once', 'PgBouncer', 2.5),
  bulk('COPY OUT, an engine that answers at once', 'HAProxy', 1),
  bulk('COPY IN, an engine that answers at once', 'PgBouncer', 2.5),
  bulk('COPY IN, an engine that answers at once', 'HAProxy', 1),
  bulk('COPY OUT, PostgreSQL, wide rows', 'PgBouncer', 1.3),
  bulk('COPY OUT, PostgreSQL, narrow rows', 'PgBouncer', 1),
  bulk('COPY IN, PostgreSQL, wide rows', 'PgBouncer', 1.3),
  bulk('COPY IN, PostgreSQL, narrow rows', 'PgBouncer', 1),
  {
    text: "CPU per round trip, TLS, to PgBouncer's",
    scenario: 'round trips, simple, 8 clients, TLS',
    figure: CPU_TRIP,
    row: 'patgate',
    to: 'PgBouncer',
    atMost: 1.3,
  },
  bulk('COPY OUT, TLS', 'PgBouncer', 1.3),
  bulk('COPY IN, TLS', 'PgBouncer', 1.3),
  logins('patgate, token by SCRAM', 'direct, SCRAM', 10),
  logins('patgate, token by SCRAM', 'PgBouncer, SCRAM', 1),
  logins('patgate, SCRAM', 'PgBouncer, SCRAM', 0.8),
  logins('patgate, SCRAM over TLS', 'PgBouncer, SCRAM over TLS', 0.8),
  logins('patgate, token over TLS', 'PgBouncer, SCRAM over TLS', 0.8),
  {
    text: 'login p99, by token, to direct',
    scenario: 'logins with a query',
    figure: 'p99, ms',
    row: 'patgate, token by SCRAM',
    to: 'direct, SCRAM',
    atMost: 0.1,
  },
  {
    text: 'rise of the p99 of running sessions in a login storm, times',
    scenario: 'running sessions while',
    figure: 'rise of p99, times',
    row: 'patgate',
    atMost: 3,
  },
  {
    text: 'event-loop delay p99 in a login storm, ms',
    scenario: 'running sessions while',
    figure: 'event-loop delay p99, ms',
    row: 'patgate',
    atMost: 10,
  },
  inCrowd('patgate, SCRAM', 'rise of the median, times'),
  inCrowd('patgate, SCRAM', 'rise of p99, times'),
  inCrowd('patgate, token over TLS', 'rise of the median, times'),
  inCrowd('patgate, token over TLS', 'rise of p99, times'),
  memory('patgate', 'kB a session, first 1,000', 20),
  memory('patgate', 'kB a session, 1,000 to 2,000', 10),
  memory('patgate, TLS', 'kB a session, first 1,000', 60),
  memory('patgate, TLS', 'kB a session, 1,000 to 2,000', 45),
  {
    text: 'memory for a slow reader of 100 MB, MB',
    scenario: 'memory with 8 slow readers',
    figure: 'growth a reader, MB',
    row: 'patgate',
    atMost: 1,
  },
];

/** @returns null when this run measured nothing that the goal is about */
export function judge(goal: Goal, results: ReadonlyMap<Scenario, Results>): Verdict | null {
  for (const [scenario, rows] of results) {
    if (!scenario.name.startsWith(goal.scenario)) continue;
    const found = valueOf(goal, rows);
    if (found === null) return null;
    const { atMost = Infinity, atLeast = -Infinity } = goal;
    return { goal, found, met: found.median <= atMost && found.median >= atLeast };
  }
  return null;
}

function valueOf({ figure, row, to }: Goal, rows: Results): Spread | null {
  if (to !== undefined) return ratioTo(rows, figure, row, to);
  const values = (rows.get(row) ?? []).map((round) => round[figure] ?? Number.NaN).filter(Number.isFinite);
  return values.length === 0 ? null : spread(values);
}
