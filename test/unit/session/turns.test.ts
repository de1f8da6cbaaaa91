import { expect, test } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import { Turns } from '../../../src/session/turns.ts';

/** A step of a login that takes the thread for so long. */
async function step(
  turns: Turns,
  took: string[],
  name: string,
  ms: number,
  address = '192.0.2.1',
): Promise<void> {
  await turns.take(address);
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
  took.push(name);
}

test('serves first come, first, of one address, and whoever comes back at the end', async () => {
  const turns = new Turns(systemClock);
  const took: string[] = [];
  const twice = async (name: string): Promise<void> => {
    await step(turns, took, `${name}1`, 0);
    await step(turns, took, `${name}2`, 0);
  };
  await Promise.all([twice('a'), twice('b'), twice('c')]);
  expect(took).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2']);
  await twice('d');
  expect(took.slice(6)).toEqual(['d1', 'd2']);
});

test('lets the event loop go round between a few steps, however many wait', async () => {
  const turns = new Turns(systemClock);
  const took: string[] = [];
  const seen: number[] = [];
  const watch = setInterval(() => seen.push(took.length), 0);
  await Promise.all(Array.from({ length: 60 }, (_, i) => step(turns, took, String(i), 1)));
  clearInterval(watch);
  const between = seen.map((count, i) => count - (seen[i - 1] ?? 0));
  expect(took).toHaveLength(60);
  expect(Math.max(...between)).toBeLessThan(10);
});

test('who comes from another address does not stand behind a flood, at none of the steps', async () => {
  const turns = new Turns(systemClock);
  const took: string[] = [];
  const flood = Array.from({ length: 100 }, (_, n) =>
    // The one hops about in a /64.
    Promise.all([
      step(turns, took, `a${n}`, 0, `2001:db8:1:2::${n.toString(16)}`),
      step(turns, took, `b${n}`, 0, '192.0.2.1'),
    ]),
  );
  const comes = async (): Promise<void> => {
    for (const name of ['good1', 'good2', 'good3']) await step(turns, took, name, 0, '198.51.100.1');
  };
  await Promise.all([...flood, comes()]);
  expect(took).toHaveLength(203);
  // Four did not have to wait; then each of the three has a turn.
  expect(['good1', 'good2', 'good3'].map((name) => took.indexOf(name))).toEqual([6, 9, 12]);
  expect(took.filter((name) => name.startsWith('a'))).toEqual(Array.from({ length: 100 }, (_, n) => `a${n}`));
});
