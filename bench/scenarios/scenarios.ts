import type { Targets } from '../targets/targets.ts';
import { bulk } from './bulk.ts';
import { crowd } from './crowd.ts';
import { logins } from './logins.ts';
import { memory } from './memory.ts';
import { roundTrips } from './round-trip.ts';
import type { Scenario } from './scenario.ts';
import { slowReaders } from './slow-readers.ts';
import { soak } from './soak.ts';
import { storm } from './storm.ts';
import { workerLogins, workerTrips } from './workers.ts';

export interface ScenarioOptions {
  /** How long the soak runs. */
  readonly soakSeconds: number;
  /** Without what is told by other rows as well. */
  readonly quick: boolean;
}

type Make = (targets: Targets, options: ScenarioOptions) => readonly Scenario[];

/** By the name that the command line knows them by, in the order in which they run: last those whose rounds can be left out. */
export const SCENARIOS: Readonly<Record<string, Make>> = {
  trips: (targets, { quick }) =>
    (quick ? [8, 32] : [1, 8, 32, 128]).map((clients) =>
      roundTrips(targets, { clients, engine: 'fake', protocol: 'simple' }),
    ),
  bulk: (targets) => [
    bulk(targets, { engine: 'fake', direction: 'out' }),
    bulk(targets, { engine: 'fake', direction: 'in' }),
  ],
  tls: (targets) => [
    roundTrips(targets, { clients: 8, engine: 'fake', protocol: 'simple', tls: true }),
    bulk(targets, { engine: 'fake', direction: 'out', tls: true }),
    bulk(targets, { engine: 'fake', direction: 'in', tls: true }),
  ],
  logins: (targets) => [logins(targets, 'alone')],
  'logins-asking': (targets) => [logins(targets, 'with a query')],
  storm: (targets) => [storm(targets)],
  crowd: (targets) => [crowd(targets)],
  workers: (targets, { quick }) => [
    ...(quick ? [8] : [1, 8, 32]).map((clients) => workerTrips(targets, clients)),
    workerLogins(targets),
  ],
  memory: (targets, { quick }) => [memory(targets, quick)],
  'slow-readers': (targets) => [slowReaders(targets)],
  soak: (targets, { soakSeconds }) => [soak(targets, soakSeconds)],
  postgres: (targets, { quick }) =>
    (quick ? [8] : [8, 32, 128]).flatMap((clients) =>
      (['simple', 'prepared'] as const).map((protocol) =>
        roundTrips(targets, { clients, engine: 'bench', protocol }),
      ),
    ),
  copy: (targets) =>
    (['out', 'in'] as const).flatMap((direction) =>
      (['wide', 'narrow'] as const).map((rows) => bulk(targets, { engine: 'bench', direction, rows })),
    ),
};
