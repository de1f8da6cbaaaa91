import { expect, test } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import { Turns } from '../../../src/session/turns.ts';

/** A step of a login that takes the thread for so long. */
async function step(turns: Turns, took: string[], name: string, ms: number): Promise<void> {
  await turns.take();
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
  took.push(name);
}

test('serves first come, first, and whoever comes back at the end', async () => {
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
