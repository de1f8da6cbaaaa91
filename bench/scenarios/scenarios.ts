import type { Targets } from '../targets/targets.ts';
import { bulk } from './bulk.ts';
import { logins } from './logins.ts';
import { roundTrips } from './round-trip.ts';
import type { Scenario } from './scenario.ts';

/** By the name that the command line knows them by. */
export const SCENARIOS: Readonly<Record<string, (targets: Targets) => readonly Scenario[]>> = {
  logins: (targets) => [logins(targets, 'alone')],
  'logins-asking': (targets) => [logins(targets, 'with a query')],
  trips: (targets) =>
    [8, 32].map((clients) => roundTrips(targets, { clients, engine: 'fake', protocol: 'simple' })),
  bulk: (targets) => [
    bulk(targets, { engine: 'fake', direction: 'out' }),
    bulk(targets, { engine: 'fake', direction: 'in' }),
  ],
  tls: (targets) => [
    roundTrips(targets, { clients: 8, engine: 'fake', protocol: 'simple', tls: true }),
    bulk(targets, { engine: 'fake', direction: 'out', tls: true }),
    bulk(targets, { engine: 'fake', direction: 'in', tls: true }),
  ],
  postgres: (targets) => [
    ...[1, 8, 32, 128].flatMap((clients) =>
      (['simple', 'prepared'] as const).map((protocol) =>
        roundTrips(targets, { clients, engine: 'bench', protocol }),
      ),
    ),
    ...(['out', 'in'] as const).flatMap((direction) =>
      (['wide', 'narrow'] as const).map((rows) => bulk(targets, { engine: 'bench', direction, rows })),
    ),
  ],
};
