import type { Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import { LOGIN_FIGURES, measureLogins, tokensOf } from './logins.ts';
import { measureRoundTrips, TRIP_FIGURES } from './round-trip.ts';
import type { Row, Scenario } from './scenario.ts';

/** The gateway in one process and in several, beside PgBouncer, which has one. */
export function workerTrips({ pgbouncer, patgate, patgateWorkers }: Targets, clients: number): Scenario {
  const row = (target: Row['target']): Row => ({
    name: target.name,
    target,
    run: (place, seconds) =>
      measureRoundTrips(place, 'fake', { clients, engine: 'fake', protocol: 'simple' }, seconds),
  });
  return {
    name: `workers: round trips, simple, ${clients} ${clients === 1 ? 'client' : 'clients'}, an engine that answers at once`,
    figures: TRIP_FIGURES,
    reference: 'PgBouncer',
    rows: [row(pgbouncer), row(patgate), row(patgateWorkers)],
  };
}

/** Handshakes are what more processors help with most. */
export function workerLogins({ pgbouncer, patgate, patgateWorkers }: Targets): Scenario {
  const row = (target: Row['target'], how: 'password' | 'token'): Row => ({
    name: `${target.name}, ${how === 'token' ? 'token' : 'SCRAM'} over TLS`,
    target,
    run: (place, seconds) => measureLogins(place, door(place, how), { seconds, tls: true, ask: true }),
  });
  return {
    name: 'workers: logins over TLS with a query',
    figures: LOGIN_FIGURES,
    reference: 'PgBouncer, SCRAM over TLS',
    rows: [row(pgbouncer, 'password'), row(patgate, 'token'), row(patgateWorkers, 'token')],
  };
}

const door = (place: Running, how: 'password' | 'token') =>
  how === 'token' ? tokensOf(place).cleartext('bench') : place.door('bench');
