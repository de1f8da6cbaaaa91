/**
 * A gateway under load while everything around it breaks.
 *
 *   npm run soak                                                         a minute
 *   npm run soak -- --logins 1000000 --trips 10000000 --faults-every 10  a day's work
 *
 * Ends when there were so many logins and round trips, or after so many minutes; SIGINT ends it early, and so does a gateway
 * that nobody can log in to any more. Either way the verdict comes then. A round trip is a write whose answer is waited for: one
 * statement, or now and then up to 32 together.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { randomNumbers } from '../../test/protocol/mutate.ts';
import { judgeAudit } from './audit.ts';
import { sitter, visitor, type Surroundings } from './clients.ts';
import { trouble } from './faults.ts';
import { prepareSoak } from './ground.ts';
import { holdings, type Holdings } from './holdings.ts';
import { judgeLog } from './log.ts';
import { tripsEach } from './pace.ts';
import { Tally } from './tally.ts';
import { Tokens } from './tokens.ts';
import { atRest, judgeHoldings } from './verdict.ts';

const USERS = 8;
const TOKENS_EACH = 3;
const SITTERS = 8;
/** What is held is measured after each of them, with nobody there: first when all code has run, then four times. */
const STAGES = [0.05, 0.25, 0.5, 0.75, 1];
const LOOK_MS = 250;
const TELL_EVERY_MS = 30_000;
/** Faults last five seconds; after that, the next login works. */
const RECOVERY_LIMIT_MS = 60_000;
/** From when clients are told to stop: as long as one may wait for an answer, and a fault that is under way. */
const STOP_LIMIT_MS = 90_000;

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
const ground = await prepareSoak(join(process.cwd(), 'dist/cli/main.js'), USERS, tally);
try {
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  await ground.drop();
}

/** @returns whether nothing happened that must not */
async function run(): Promise<boolean> {
  const idle = await holdings(ground, 0);
  const held: Holdings[] = [];
  const startMs = performance.now();
  try {
    await work(idle, held);
  } catch (error) {
    tally.violated(`the soak could not go on: ${String(error)}`);
  }
  const loadSeconds = Math.round((performance.now() - startMs) / 1000);
  const code = await ground.end();
  if (code !== 0) tally.violated(`the gateway ended with ${String(code)}`);
  const audit = await judgeAudit({ url: ground.store.url(), audit: ground.services.audit }, tally);
  judgeHoldings(idle, held, tally);
  const violated = (what: string): void => tally.violated(what);
  const expectedErrors = judgeLog(readFileSync(ground.logFile, 'utf8'), tally.happenings, violated);
  if (ground.strayOutput() !== '') tally.violated(`standard error: ${ground.strayOutput().slice(0, 1000)}`);
  print({ loadSeconds, auditRows: audit.rows, expectedErrors, held: [idle, ...held] });
  return tally.violationCount === 0;
}

async function work(idle: Holdings, held: Holdings[]): Promise<void> {
  const tokens = new Tokens(ground, tally);
  for (const user of ground.users) for (let n = 0; n < TOKENS_EACH; n++) await tokens.issue(user);
  let loadMs = 0;
  for (const [n, share] of STAGES.entries()) {
    if (told && held.length > 0) break;
    const fromMs = performance.now() - loadMs;
    await stage(tokens, seed * 1000 + n * 200, () => told || isReached(share, performance.now() - fromMs));
    loadMs = performance.now() - fromMs;
    held.push(await atRest(ground, tally, idle));
    console.error(JSON.stringify(held.at(-1)));
  }
}

/** Load and trouble until `isOver`, and until the last client has gone. @throws Error when that cannot be */
async function stage(tokens: Tokens, seedOfStage: number, isOver: () => boolean): Promise<void> {
  let stopping = false;
  const around: Surroundings = {
    ground,
    tokens,
    tally,
    trips: () => tripsEach(wanted, tally),
    stopping: () => stopping,
  };
  const random = (offset: number): ReturnType<typeof randomNumbers> => randomNumbers(seedOfStage + offset);
  const clientsAndTrouble = Promise.all([
    ...(faultsEvery > 0 ? [trouble(around, random(0), faultsEvery * 1000)] : []),
    ...Array.from({ length: SITTERS }, (_, n) => sitter(around, random(1 + n))),
    ...Array.from({ length: clients }, (_, n) => visitor(around, random(100 + n))),
  ]);
  let tellAtMs = performance.now() + TELL_EVERY_MS;
  tally.lastLoginMs = performance.now();
  try {
    while (!isOver()) {
      await Promise.race([delay(LOOK_MS), clientsAndTrouble]);
      tally.endings.look();
      const nowMs = performance.now();
      if (ground.isGone()) throw new Error(`the gateway is gone, ${tally.happenings.lastBefore(nowMs)}`);
      if (nowMs > tally.lastLoginMs + RECOVERY_LIMIT_MS) {
        const since = Math.round((nowMs - tally.lastLoginMs) / 1000);
        throw new Error(`nobody could log in for ${since} s, ${tally.happenings.lastBefore(nowMs)}`);
      }
      if (nowMs < tellAtMs) continue;
      tellAtMs += TELL_EVERY_MS;
      console.error(
        `${tally.logins} logins, ${tally.trips} round trips, ${tally.statements} statements, ${tally.violationCount} violations`,
      );
    }
  } finally {
    stopping = true;
  }
  const over = new AbortController();
  const late = delay(STOP_LIMIT_MS, undefined, { signal: over.signal }).then(() => {
    throw new Error('clients or faults did not come to their end');
  });
  await Promise.race([clientsAndTrouble, late]).finally(() => over.abort());
}

/** @param loadMs without the time at rest */
function isReached(share: number, loadMs: number): boolean {
  if (loadMs / 60_000 >= share * wanted.minutes) return true;
  return tally.logins >= share * wanted.logins && tally.trips >= share * wanted.trips;
}

function print(found: Readonly<Record<string, unknown>>): void {
  const { violations, violationCount, acknowledged, endings } = tally;
  const verdict =
    violationCount === 0
      ? 'nothing was lost, nothing is left'
      : `VIOLATED ${violationCount} TIMES:\n${violations.join('\n')}`;
  const plain = (_: string, value: unknown): unknown =>
    value instanceof Map ? Object.fromEntries(value) : value;
  const record = {
    beganAt,
    seed,
    clients,
    faultsEvery,
    principals: acknowledged.size,
    longestEndingMs: endings.longestMs,
    logins: tally.logins,
    trips: tally.trips,
    statements: tally.statements,
    methods: tally.methods,
    refused: tally.refused,
    faults: tally.faults,
    lost: tally.lost,
    left: tally.left,
    vanished: tally.vanished,
    cancelled: tally.cancelled,
    passedBy: tally.passedBy,
    ...found,
    verdict,
  };
  const text = JSON.stringify(record, plain, 2);
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`);
  console.log(text);
  console.log(verdict);
}
