import { expect, test } from 'vitest';

import type { Holdings } from '../../../bench/soak/holdings.ts';
import { judgeHoldings } from '../../../bench/soak/verdict.ts';

const IDLE: Holdings = {
  logins: 0,
  sessions: 0,
  files: 29,
  sockets: 4,
  timers: 9,
  heapMb: 27.1,
  externalMb: 4.7,
  residentMb: 110.4,
};

/** What bench/SOAK.md shows of a run that was sound. */
const SOUND = [
  [50_047, 32.6, 134.5],
  [250_056, 34.5, 141.6],
  [500_073, 35.1, 146.5],
  [750_051, 35.5, 118.4],
  [1_000_088, 35.7, 122.3],
].map(([logins = 0, heapMb = 0, residentMb = 0]): Holdings => ({ ...IDLE, logins, heapMb, residentMb }));

const judge = (held: readonly Holdings[]): readonly string[] => {
  const violations: string[] = [];
  judgeHoldings(IDLE, held, { violated: (what) => violations.push(what) });
  return violations;
};
const with_ = (change: (one: Holdings, n: number) => Partial<Holdings>): readonly Holdings[] =>
  SOUND.map((one, n) => ({ ...one, ...change(one, n) }));

test('a sound run passes, and one that was ended early', () => {
  expect(judge(SOUND)).toEqual([]);
  expect(judge(SOUND.slice(0, 3))).toEqual([]);
  expect(judge(SOUND.slice(0, 1))).toEqual([]);
  expect(judge([])).toEqual([]);
});

test.each<[string, readonly Holdings[], RegExp]>([
  [
    'eight bytes for each login',
    with_(({ logins, heapMb }) => ({ heapMb: heapMb + (logins * 8) / 2 ** 20 })),
    /heap: /,
  ],
  [
    'a buffer of 8 kB for each thousandth login',
    with_(({ logins, externalMb }) => ({ externalMb: externalMb + (logins * 8) / 2 ** 20 })),
    /outside the heap: /,
  ],
  [
    'memory of no kind that node knows',
    with_(({ logins }) => ({ residentMb: 130 + (logins * 40) / 2 ** 20 })),
    /^memory: 139\.\d+ MB after 250056 logins, 168\.\d+ MB after 1000088$/,
  ],
])('is noticed: %s', (_, held, what) => {
  expect(judge(held)).toEqual([expect.stringMatching(what)]);
});

test.each(['files', 'sockets', 'timers'] as const)('%s that stay are noticed at each stage', (what) => {
  const held = with_((one, n) => ({ [what]: IDLE[what] + (n === 2 ? 3 : 2) }));
  expect(judge(held)).toEqual([`${what}: ${IDLE[what]} before, ${IDLE[what] + 3} after 500073 logins`]);
});

test('a short run may still be compiling, but not for ever', () => {
  const held = (mb: number) => [
    { ...IDLE, logins: 800, heapMb: 30 },
    { ...IDLE, logins: 4000, heapMb: 32 },
    { ...IDLE, logins: 16_000, heapMb: 32 + mb },
  ];
  expect(judge(held(7))).toEqual([]);
  expect(judge(held(9))).toEqual(['heap: 32 MB after 4000 logins, 41 MB after 16000']);
});
