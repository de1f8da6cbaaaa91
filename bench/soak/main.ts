/**
 * A gateway under load while everything around it breaks.
 *
 *   npm run soak                                                         a minute
 *   npm run soak -- --logins 1000000 --trips 10000000 --faults-every 10  a day's work
 *
 * Ends when there were so many logins and answered statements, or after so many minutes; SIGINT ends it early. Either way the
 * verdict comes then.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { randomNumbers } from '../../test/protocol/mutate.ts';
import { sitter, visitor, type Surroundings } from './clients.ts';
import { trouble } from './faults.ts';
import { prepareSoak } from './ground.ts';
import { holdings, type Holdings } from './holdings.ts';
import { Tally } from './tally.ts';
import { Tokens } from './tokens.ts';
import { atRest, judgeAudit, judgeHoldings } from './verdict.ts';

const USERS = 8;
const TOKENS_EACH = 3;
const SITTERS = 8;
/** What is held is measured after each of them, with nobody there: first when all code has run, then four times. */
const STAGES = [0.05, 0.25, 0.5, 0.75, 1];
const LOOK_MS = 250;
const TELL_EVERY_MS = 30_000;

const { values } = parseArgs({
  options: {
    logins: { type: 'string' },
    trips: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string', default: '24' },
    /** Seconds between two faults, on average; 0: none. */
    'faults-every': { type: 'string', default: '3' },
    /** A file for the verdict, as JSON. */
    report: { type: 'string' },
  },
});
const wanted = {
  logins: Number(values.logins ?? Infinity),
  trips: Number(values.trips ?? Infinity),
  minutes: Number(
    values.minutes ?? (values.logins === undefined && values.trips === undefined ? 1 : Infinity),
  ),
};
const [seed, clients, faultsEvery] = [values.seed, values.clients, values['faults-every']].map(Number) as [
  number,
  number,
  number,
];

const tally = new Tally();
const beganAt = new Date();
let told = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (told = true));
const ground = await prepareSoak(join(process.cwd(), 'dist/cli/main.js'), USERS);
try {
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  await ground.drop();
}

/** @returns whether nothing happened that must not */
async function run(): Promise<boolean> {
  const tokens = new Tokens(ground);
  for (const user of ground.users) for (let n = 0; n < TOKENS_EACH; n++) await tokens.issue(user);
  const idle = await holdings(ground, 0);
  const held: Holdings[] = [];
  const startMs = performance.now();
  for (const [n, share] of STAGES.entries()) {
    if (told && held.length > 0) break;
    await stage(tokens, seed * 1000 + n * 200, () => told || isReached(share, startMs));
    held.push(await atRest(ground, tally, idle));
    console.error(JSON.stringify(held.at(-1)));
  }
  const loadSeconds = Math.round((performance.now() - startMs) / 1000);
  const audit = await judgeAudit(ground, tally);
  judgeHoldings(idle, held, tally);
  const code = await ground.end();
  if (code !== 0) tally.violated(`the gateway ended with ${String(code)}`);
  const defects = readFileSync(ground.logFile, 'utf8')
    .split('\n')
    .filter((line) => /defect|uncaught|could not be kept|not written"/i.test(line));
  for (const line of defects.slice(0, 5)) tally.violated(`log: ${line}`);
  print({ loadSeconds, auditRows: audit.rows, held: [idle, ...held] });
  return tally.violations.length === 0;
}

/** Load and trouble until `isOver`, and until the last client has gone. */
async function stage(tokens: Tokens, seedOfStage: number, isOver: () => boolean): Promise<void> {
  let stopping = false;
  const around: Surroundings = {
    ground,
    tokens,
    tally,
    statements: statementsEach,
    stopping: () => stopping,
  };
  const random = (offset: number): ReturnType<typeof randomNumbers> => randomNumbers(seedOfStage + offset);
  const work = [
    ...(faultsEvery > 0 ? [trouble(around, random(0), faultsEvery * 1000)] : []),
    ...Array.from({ length: SITTERS }, (_, n) => sitter(around, random(1 + n))),
    ...Array.from({ length: clients }, (_, n) => visitor(around, random(100 + n))),
  ];
  const failed = Promise.all(work);
  let tellAtMs = performance.now() + TELL_EVERY_MS;
  while (!isOver()) {
    await Promise.race([delay(LOOK_MS), failed]);
    if (performance.now() < tellAtMs) continue;
    tellAtMs += TELL_EVERY_MS;
    console.error(`${tally.logins} logins, ${tally.trips} statements, ${tally.violations.length} violations`);
  }
  stopping = true;
  await failed;
}

function isReached(share: number, startMs: number): boolean {
  const minutes = (performance.now() - startMs) / 60_000;
  if (minutes >= share * wanted.minutes) return true;
  return tally.logins >= share * wanted.logins && tally.trips >= share * wanted.trips;
}

/** So that logins and statements are done at the same time. */
function statementsEach(): number {
  if (!Number.isFinite(wanted.logins + wanted.trips)) return 10;
  const left = (wanted.trips - tally.trips) / Math.max(1, wanted.logins - tally.logins);
  return Math.min(200, Math.max(1, Math.round(left)));
}

function print(found: Readonly<Record<string, unknown>>): void {
  const { violations, acknowledged, ...counted } = tally;
  const verdict =
    violations.length === 0 ? 'nothing was lost, nothing is left' : `VIOLATED:\n${violations.join('\n')}`;
  const plain = (_: string, value: unknown): unknown =>
    value instanceof Map ? Object.fromEntries(value) : value;
  const record = {
    beganAt,
    seed,
    clients,
    faultsEvery,
    principals: acknowledged.size,
    ...counted,
    ...found,
    verdict,
  };
  const text = JSON.stringify(record, plain, 2);
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`);
  console.log(text);
  console.log(verdict);
}
