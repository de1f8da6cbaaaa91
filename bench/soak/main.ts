/** `npm run soak -- --seconds 600 --seed 1 --clients 24`: a gateway under load while everything around it breaks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { randomNumbers } from '../../test/protocol/mutate.ts';
import { sitter, visitor, type Surroundings } from './clients.ts';
import { trouble } from './faults.ts';
import { holdings, prepareSoak, type Holdings } from './ground.ts';
import { Tally } from './tally.ts';
import { Tokens } from './tokens.ts';
import { judge } from './verdict.ts';

const USERS = 8;
const TOKENS_EACH = 3;
const SITTERS = 8;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string', default: '24' },
  },
});
const [seconds, seed, clients] = [values.seconds, values.seed, values.clients].map(Number) as [
  number,
  number,
  number,
];

const tally = new Tally();
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
  const idle = await holdings(ground);
  let stopping = false;
  const around: Surroundings = { ground, tokens, tally, stopping: () => stopping };
  const random = (offset: number): ReturnType<typeof randomNumbers> => randomNumbers(seed * 1000 + offset);
  const work = [
    trouble(around, random(0)),
    ...Array.from({ length: SITTERS }, (_, n) => sitter(around, random(1 + n))),
    ...Array.from({ length: clients }, (_, n) => visitor(around, random(100 + n))),
  ];
  await Promise.race([delay(seconds * 250), ...work]);
  const quarter = await holdings(ground);
  await Promise.race([delay(seconds * 750), ...work]);
  stopping = true;
  await Promise.all(work);
  const after = await judge(ground, tally, { idle, quarter });
  const code = await ground.end();
  if (code !== 0) tally.violated(`the gateway ended with ${String(code)}`);
  const defects = readFileSync(ground.logFile, 'utf8')
    .split('\n')
    .filter((line) => /defect|uncaught/i.test(line));
  for (const line of defects.slice(0, 5)) tally.violated(`log: ${line}`);
  print({ idle, quarter, after });
  return tally.violations.length === 0;
}

function print(held: Readonly<Record<string, Holdings>>): void {
  const { violations, ...counted } = tally;
  const plain = (_: string, value: unknown): unknown =>
    value instanceof Map ? Object.fromEntries(value) : value;
  console.log(JSON.stringify({ seconds, seed, clients, ...counted, held }, plain, 2));
  console.log(
    violations.length === 0 ? 'nothing was lost, nothing is left' : `VIOLATED:\n${violations.join('\n')}`,
  );
}
