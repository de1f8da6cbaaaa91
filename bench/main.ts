/**
 * The product beside its peers. Rows of a table take turns in rounds, so that what else the machine does hits them all alike;
 * what is told is the median of the rounds with minimum and maximum, and ratios within the same round.
 *
 *   npm run bench -- --scenarios trips,logins --rounds 5 --seconds 1.5
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { prepareGround, type Ground } from './ground.ts';
import { SCENARIOS } from './scenarios/scenarios.ts';
import type { Figures, Scenario } from './scenarios/scenario.ts';
import { table } from './table.ts';
import type { Running, Target } from './targets/target.ts';
import { allTargets } from './targets/targets.ts';

const { values } = parseArgs({
  options: {
    scenarios: { type: 'string', default: Object.keys(SCENARIOS).join(',') },
    /** Only rows whose name has one of these in it, separated by semicolons. */
    rows: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    /** Runs the gateway. */
    node: { type: 'string', default: process.execPath },
    /** For the Node that runs the gateway, separated by semicolons: `--cpu-prof;--cpu-prof-dir=/tmp/profiles`. */
    'node-args': { type: 'string', default: '' },
  },
});

const targets = allTargets({
  program: join(process.cwd(), 'dist/cli/main.js'),
  node: values.node,
  nodeArgs: values['node-args'].split(';').filter(Boolean),
});
const scenarios = values.scenarios.split(',').flatMap((name) => {
  const made = SCENARIOS[name];
  if (made === undefined) throw new Error(`${name} is none of ${Object.keys(SCENARIOS).join(', ')}`);
  return made(targets);
});

const ground = await prepareGround();
const running = new Map<Target, Running>();
try {
  for (const scenario of scenarios) console.log(table(scenario, await rounds(scenario, ground)));
} finally {
  for (const each of running.values()) await each.stop();
  await ground.close();
}

async function rounds(scenario: Scenario, on: Ground): Promise<Map<string, Figures[]>> {
  const results = new Map<string, Figures[]>();
  const wanted = values.rows.split(';');
  const rows = scenario.rows.filter(({ name }) => wanted.some((part) => name.includes(part)));
  for (let round = 0; round < (scenario.rounds ?? Number(values.rounds)); round++) {
    for (const row of rows) {
      const place = await placeOf(row.target, on);
      if (place === null) continue;
      const figures = await row.run(place, Number(values.seconds));
      results.set(row.name, [...(results.get(row.name) ?? []), figures]);
      if (values.verbose) console.error(scenario.name, row.name, figures);
    }
  }
  return results;
}

/** Starts a target when it is needed first. @returns null when it can not be run here */
async function placeOf(target: Target, on: Ground): Promise<Running | null> {
  const known = running.get(target);
  if (known !== undefined) return known;
  const missing = target.missing();
  if (missing !== null) return null;
  const place = await target.start(on);
  running.set(target, place);
  return place;
}
