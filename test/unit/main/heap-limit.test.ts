import { expect, it } from 'vitest';
import { oldGenerationLimit } from '../../../src/main/life/heap-limit.ts';

const MIB = 2 ** 20;

/** What V8 was seen to say of both generations, and what the old one may have. */
it.each([
  { major: 20, both: 88, flags: ['--max-old-space-size=40'], old: 40 },
  { major: 24, both: 492, flags: ['--max-old-space-size=300'], old: 300 },
  {
    major: 24,
    both: 492,
    flags: ['--max_old_space_size=100 --inspect', '--max-old-space-size=300'],
    old: 300,
  },
  { major: 20, both: 4144, flags: [], old: 4096 },
  { major: 22, both: 4144, flags: [], old: 4096 },
  { major: 24, both: 4288, flags: [], old: 4096 },
  // 96 is what it takes for the young one; a little too careful is better than too late.
  { major: 26, both: 4192, flags: [], old: 4000 },
  { major: 24, both: 4102, flags: ['--max-semi-space-size=2'], old: 4096 },
  { major: 24, both: 448, flags: [], old: 256 },
])('Node $major, $both MiB, $flags: $old MiB', ({ major, both, flags, old }) => {
  expect(oldGenerationLimit(both * MIB, flags, major)).toBeCloseTo(old * MIB, -1);
});
