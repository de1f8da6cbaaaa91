/** `crowd-process ORDER`: a hostile crowd for as long as it runs; each line asks how many connections stand, and were made. */
import { createInterface } from 'node:readline';

import { gather, type CrowdOptions } from '../../test/support/crowd.ts';

const crowd = gather(JSON.parse(process.argv[2] ?? '') as CrowdOptions);
const questions: readonly (() => number)[] = [() => crowd.standing, () => crowd.made];
let asked = 0;

createInterface({ input: process.stdin })
  .on('line', () => {
    console.log(questions[asked % questions.length]?.());
    asked += 1;
  })
  // Whoever began it has gone, and cannot stop it any more.
  .on('close', () => process.exit());
console.log(0);
