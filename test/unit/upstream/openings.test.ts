import { beforeEach, expect, test } from 'vitest';
import { AT_ONCE, Openings } from '../../../src/upstream/openings.ts';
import type { Physical } from '../../../src/upstream/physical.ts';
import { FakeClock } from './fake-clock.ts';

/** Nothing is done with it here but handing it on. */
const session = { uid: 'ada' } as Physical;
const never = new AbortController().signal;
const PATIENCE_MS = 1000;

let clock: FakeClock;
let openings: Openings;
/** Who was told what, in that order. */
let told: string[];

beforeEach(async () => {
  clock = new FakeClock();
  openings = new Openings(clock);
  told = [];
  await Promise.all(Array.from({ length: AT_ONCE }, () => openings.take('ada', never)));
});

function come(name: string, signal = never, key = 'ada'): void {
  void openings.take(key, signal).then(
    (handedOn) => told.push(`${name} ${handedOn === null ? 'opens' : 're-uses'}`),
    (error: unknown) => told.push(`${name} left: ${String(error)}`),
  );
}

/** Lets those who were told something say so. */
async function listen(): Promise<readonly string[]> {
  await new Promise(setImmediate);
  return told;
}

test('others wait while as many as may open at once, and have their turns in the order in which they came', async () => {
  for (const name of ['first', 'second', 'third']) come(name);
  expect(await listen()).toEqual([]);
  openings.done('ada');
  openings.done('ada');
  expect(await listen()).toEqual(['first opens', 'second opens']);
  openings.done('ada');
  expect(await listen()).toEqual(['first opens', 'second opens', 'third opens']);
});

test('keys do not wait for one another', async () => {
  come('first');
  come('another key', never, 'bob');
  expect(await listen()).toEqual(['another key opens']);
});

test('a session that is given back goes to the first who waits', async () => {
  come('first');
  come('second');
  expect(openings.handOn('bob', session)).toBe(false);
  expect(openings.handOn('ada', session)).toBe(true);
  expect(await listen()).toEqual(['first re-uses']);
  expect(openings.handOn('ada', session)).toBe(true);
  expect(openings.handOn('ada', session)).toBe(false);
  expect(await listen()).toEqual(['first re-uses', 'second re-uses']);
});

test('nobody waits for long for an engine that takes long, and more than before may be opening then', async () => {
  come('first');
  clock.advance(PATIENCE_MS - 1);
  come('second');
  expect(await listen()).toEqual([]);
  clock.advance(1);
  expect(await listen()).toEqual(['first opens']);
  openings.done('ada');
  expect(await listen()).toEqual(['first opens']);
  openings.done('ada');
  expect(await listen()).toEqual(['first opens', 'second opens']);
});

test('who is sent away while waiting is told why, and takes nobody’s turn', async () => {
  const sending = new AbortController();
  come('first', sending.signal);
  come('second');
  sending.abort(new Error('too late'));
  come('third', sending.signal);
  expect(await listen()).toEqual(['first left: Error: too late', 'third left: Error: too late']);
  openings.handOn('ada', session);
  expect(await listen()).toContain('second re-uses');
  expect(clock.waiting).toBe(0);
});
