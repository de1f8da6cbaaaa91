import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';

import { GOALS, judge, type Verdict } from './goals.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { digits, table, type Results } from './table.ts';

export interface Run {
  readonly results: ReadonlyMap<Scenario, Results>;
  /** What could not be run, with what is missing. */
  readonly missing: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly tookSeconds: number;
  /** Version of the Node that ran the gateway. */
  readonly node: string;
  /** One minute's load of the machine before the run, when it should have been nothing. */
  readonly loadBefore: number;
}

/** bench/RESULTS.md of a run. */
export function report(run: Run): string {
  return [
    '# What `npm run bench` measured',
    '',
    'Written by the benchmark. [docs/performance.md](../docs/performance.md) explains the figures and says what helped.',
    '',
    machine(run),
    '',
    '![Ratios to PgBouncer](results.svg)',
    '',
    goalTable(run),
    '## Figures',
    '',
    'Medians with minimum and maximum of the rounds. CPU is user and system time of the process in between, from `/proc`.',
    '',
    ...[...run.results].map(([scenario, results]) => table(scenario, results)),
  ].join('\n');
}

export function verdictsOf({ results }: Pick<Run, 'results'>): Verdict[] {
  return GOALS.flatMap((goal) => judge(goal, results) ?? []);
}

function machine({ missing, rounds, seconds, tookSeconds, node, loadBefore }: Run): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  return [
    `- Machine: ${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${memory}, ${type()} ${release()}; load before the run ${loadBefore.toFixed(1)}`,
    `- Gateway: Node ${node}, from \`dist/\`, one process`,
    `- Peers: ${[version('pgbouncer', ['--version']), version('haproxy', ['-v'])].join('; ')}; PostgreSQL as it comes with the package`,
    `- ${rounds} rounds of ${seconds} s for each row, in ${Math.round(tookSeconds / 60)} minutes, on ${new Date().toISOString().slice(0, 10)}`,
    ...missing.map((line) => `- Left out: ${line}`),
  ].join('\n');
}

function version(program: string, args: readonly string[]): string {
  try {
    const [first = ''] = execFileSync(`/usr/sbin/${program}`, args, { encoding: 'utf8' }).split('\n');
    return first.trim();
  } catch {
    // told as missing already
    return `no ${program}`;
  }
}

/** Every goal, also those that this run says nothing about. */
function goalTable({ results }: Run): string {
  const judged = GOALS.map((goal) => ({ goal, verdict: judge(goal, results) }));
  const lines = judged.map(({ goal, verdict }) => {
    const bound = goal.atMost === undefined ? `≥ ${goal.atLeast ?? ''}` : `≤ ${goal.atMost}`;
    if (verdict === null) return `| ${goal.text} | ${bound} | not measured | |`;
    const { found, met } = verdict;
    const value = `${digits(found.median)} (${digits(found.min)}–${digits(found.max)})`;
    return `| ${goal.text} | ${bound} | ${value} | ${met ? 'yes' : '**no**'} |`;
  });
  const count = (met: boolean): number => judged.filter(({ verdict }) => verdict?.met === met).length;
  const unknown = judged.filter(({ verdict }) => verdict === null).length;
  return [
    '## Goals',
    '',
    `Of ${GOALS.length} goals ${count(true)} are met, ${count(false)} are not, and ${unknown} were not measured in this run.`,
    '',
    '| | goal | measured | met |',
    '| --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}
