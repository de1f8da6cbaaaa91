/**
 * The product beside its peers. Rows of a table take turns in rounds, so that what else the machine does hits them all alike;
 * what is told is the median of the rounds with minimum and maximum, and ratios within the same round.
 *
 *   npm run bench                                    everything, and writes bench/RESULTS.md
 *   npm run bench -- --quick                         the same in three minutes
 *   npm run bench -- --scenarios trips,logins --rows 'PgBouncer;patgate' --rounds 5 --seconds 1.5
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { BenchRun } from './bench-run.ts';
import { picture } from './picture.ts';
import { report, verdictsOf } from './report.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { SCENARIOS } from './scenarios/scenarios.ts';
import { table, type Results } from './table.ts';
import { allTargets } from './targets/targets.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    /** Some of SCENARIOS, with commas; nothing is written to bench/ then, unless --write says so. */
    scenarios: { type: 'string' },
    write: { type: 'boolean', default: false },
    /** Only rows whose name has one of these in it, separated by semicolons. */
    rows: { type: 'string', default: '' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'soak-seconds': { type: 'string' },
    /** What the whole run may take; when it is behind, rounds are left out, and told as such. */
    minutes: { type: 'string', default: '15' },
    verbose: { type: 'boolean', default: false },
    /** Runs the gateway. */
    node: { type: 'string', default: process.execPath },
    /** For the Node that runs the gateway, separated by semicolons: `--cpu-prof;--cpu-prof-dir=/tmp/profiles`. */
    'node-args': { type: 'string', default: '' },
  },
});

/** Parts of what the run may take: what is left then fits in with single rounds; and what begins then can still end. */
const [HURRY_AFTER, END_AFTER] = [0.7, 0.97];

const [rounds, seconds, soakSeconds] = values.quick ? [2, 0.6, 10] : [3, 1, 30];
const options = { rounds: Number(values.rounds ?? rounds), seconds: Number(values.seconds ?? seconds) };
const limitMs = Number(values.minutes) * 60_000;
const targets = allTargets({
  program: join(process.cwd(), 'dist/cli/main.js'),
  node: values.node,
  nodeArgs: values['node-args'].split(';').filter(Boolean),
});
const scenarios = (values.scenarios?.split(',') ?? Object.keys(SCENARIOS)).flatMap((name) => {
  const made = SCENARIOS[name];
  if (made === undefined) throw new Error(`${name} is none of ${Object.keys(SCENARIOS).join(', ')}`);
  return made(targets, { quick: values.quick, soakSeconds: Number(values['soak-seconds'] ?? soakSeconds) });
});

const [loadBefore = 0] = loadavg();
const run = new BenchRun({
  ...options,
  rows: values.rows.split(';').filter(Boolean),
  endMs: limitMs * END_AFTER,
  hurryFromMs: limitMs * HURRY_AFTER,
  progress: (line) => {
    if (values.verbose) console.error(line);
  },
});
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop.abort();
    void run.close().finally(() => process.exit(1));
  });
}

const results = new Map<Scenario, Results>();
try {
  for (const scenario of scenarios) {
    const found = await run.run(scenario);
    if (stop.signal.aborted) break;
    results.set(scenario, found);
    console.log(table(scenario, found));
  }
} finally {
  if (!stop.signal.aborted) await run.close();
}
if (!stop.signal.aborted) {
  for (const line of run.missing) console.error(`left out: ${line}`);
  if (values.scenarios === undefined || values.write) write();
}

function write(): void {
  const folder = join(process.cwd(), 'bench');
  const node = execFileSync(values.node, ['--version'], { encoding: 'utf8' }).trim();
  const told = {
    results,
    ...options,
    missing: [...run.missing],
    tookSeconds: performance.now() / 1000,
    node,
    loadBefore,
  };
  writeFileSync(join(folder, 'RESULTS.md'), report(told));
  writeFileSync(join(folder, 'results.svg'), picture(verdictsOf(told)));
  console.log(`wrote ${join(folder, 'RESULTS.md')}`);
}
