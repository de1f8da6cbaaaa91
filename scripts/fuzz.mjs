// `npm run fuzz -- --runs 1000000 --seed 7`: mutated bytes for all that reads bytes. Needs dist/.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { runs: { type: 'string' }, seed: { type: 'string' } } });
const { runs = '1000000', seed = String(randomInt(2 ** 31)) } = values;
// Some tests want to see every kind of answer.
const LEAST = 20_000;
if (!(Number(runs) >= LEAST)) throw new Error(`--runs ${runs}: at least ${LEAST}`);
console.log(`${runs} inputs for each decoder, fewer for what costs more; --seed ${seed} repeats them`);
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/protocol/fuzz-', 'test/e2e/fuzz-'],
  {
    stdio: 'inherit',
    env: { ...process.env, PATGATE_FUZZ_RUNS: runs, PATGATE_FUZZ_SEED: seed },
  },
);
process.exitCode = status ?? 1;
