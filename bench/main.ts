/**
 * The product beside its peers. Targets take turns in rounds, so that what else the machine does hits them all alike; what
 * is told is the median of the rounds with minimum and maximum, and the ratio to PgBouncer within the same round.
 *
 *   npm run bench -- --scenarios trips,out,in --targets pgbouncer,relay --rounds 5 --seconds 1.5
 */
import { parseArgs } from 'node:util';

import { startModule } from './processes.ts';
import { bulkIn, bulkOut } from './scenarios/bulk.ts';
import { roundTrip } from './scenarios/round-trip.ts';
import type { Figures, Scenario } from './scenarios/scenario.ts';
import { table } from './table.ts';
import { direct } from './targets/direct.ts';
import { haproxy } from './targets/haproxy.ts';
import { pgbouncer } from './targets/pgbouncer.ts';
import { relayTcp } from './targets/relay.ts';
import type { Running, Target } from './targets/target.ts';

const TARGETS: Readonly<Record<string, Target>> = { direct, pgbouncer, haproxy, relay: relayTcp };

const SCENARIOS: Readonly<Record<string, readonly Scenario[]>> = {
  trips: [roundTrip(8), roundTrip(32)],
  trips8: [roundTrip(8)],
  out: [bulkOut],
  in: [bulkIn],
};

const { values } = parseArgs({
  options: {
    scenarios: { type: 'string', default: 'trips,out,in' },
    targets: { type: 'string', default: Object.keys(TARGETS).join(',') },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
  },
});

const targets = chosen(values.targets, TARGETS).filter(canRun);
const scenarios = chosen(values.scenarios, SCENARIOS).flat();
const engine = await startModule(new URL('./engines/fake-engine.js', import.meta.url));
const running = new Map<Target, Running>();
try {
  for (const target of targets)
    running.set(target, await target.start({ host: '127.0.0.1', port: engine.port }));
  for (const scenario of scenarios) {
    console.log(table(scenario, await rounds(scenario, Number(values.rounds), Number(values.seconds))));
  }
} finally {
  for (const each of running.values()) await each.stop();
  await engine.stop();
}

async function rounds(scenario: Scenario, count: number, seconds: number): Promise<Map<string, Figures[]>> {
  const results = new Map<string, Figures[]>();
  for (let round = 0; round < count; round++) {
    for (const [target, place] of running) {
      const figures = await scenario.run(place, seconds);
      results.set(target.name, [...(results.get(target.name) ?? []), figures]);
    }
  }
  return results;
}

function chosen<T>(list: string, all: Readonly<Record<string, T>>): T[] {
  return list.split(',').map((name) => {
    const found = all[name];
    if (found === undefined) throw new Error(`${name} is none of ${Object.keys(all).join(', ')}`);
    return found;
  });
}

function canRun(target: Target): boolean {
  const missing = target.missing();
  if (missing !== null) console.error(`${target.name} is left out: ${missing} is missing`);
  return missing === null;
}
