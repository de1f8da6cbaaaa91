import { beforeEach, describe, expect, it } from 'vitest';

import { GatewayError, fatal } from '../../../src/core/errors.ts';
import { BatchedRead } from '../../../src/store/batched-read.ts';
import { FakeClock } from '../upstream/fake-clock.ts';

/** A read that was asked for and waits to be told what it found. */
interface Asked {
  readonly questions: readonly string[];
  readonly answer: () => void;
  readonly fail: (error: Error) => void;
}

const PATIENCE_MS = 20;
const unreachable = new GatewayError('store.unreachable', 'gone', fatal('57P03', 'gone'));

let clock: FakeClock;
let asked: Asked[];
let reads: BatchedRead<string>;
beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  reads = new BatchedRead({
    read: (questions) =>
      new Promise((resolve, reject) => {
        const answers = questions.map((question) => (question === 'unknown' ? null : question.toUpperCase()));
        asked.push({ questions, answer: () => resolve(answers), fail: reject });
      }),
    patienceMs: PATIENCE_MS,
    atOnce: 2,
    most: 3,
    clock,
  });
});

const round = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const questions = (): readonly (readonly string[])[] => asked.map((one) => one.questions);

describe('questions', () => {
  it('of one round are asked together, the same one once', async () => {
    const answers = Promise.all(['a', 'b', 'a', 'unknown'].map((question) => reads.ask(question)));
    await round();
    expect(questions()).toEqual([['a', 'b', 'unknown']]);
    asked[0]?.answer();
    expect(await answers).toEqual(['A', 'B', 'A', null]);
  });

  it('that come while a read runs gather, and are not answered by it', async () => {
    const first = reads.ask('a');
    await round();
    const again = reads.ask('a');
    const others = Promise.all([reads.ask('b'), reads.ask('c')]);
    await round();
    expect(questions()).toEqual([['a']]);
    asked[0]?.answer();
    expect(await first).toBe('A');
    await round();
    expect(questions()).toEqual([['a'], ['a', 'b', 'c']]);
    asked[1]?.answer();
    expect(await again).toBe('A');
    expect(await others).toEqual(['B', 'C']);
  });

  it('do not wait long for a read that is stuck, and no more of them get stuck than may', async () => {
    void reads.ask('a');
    await round();
    const other = reads.ask('b');
    clock.advance(PATIENCE_MS);
    await round();
    expect(questions()).toEqual([['a'], ['b']]);
    const third = reads.ask('c');
    clock.advance(10 * PATIENCE_MS);
    await round();
    expect(asked).toHaveLength(2);
    asked[1]?.answer();
    expect(await other).toBe('B');
    await round();
    asked[2]?.answer();
    expect(await third).toBe('C');
  });

  it('are asked a few at a time when there are many', async () => {
    const answers = Promise.all(['a', 'b', 'c', 'd'].map((question) => reads.ask(question)));
    await round();
    asked[0]?.answer();
    await round();
    expect(questions()).toEqual([['a', 'b', 'c'], ['d']]);
    asked[1]?.answer();
    expect(await answers).toEqual(['A', 'B', 'C', 'D']);
  });
});

describe('a read that fails', () => {
  it('for want of a store fails for all that it was to answer, and the next one is tried', async () => {
    const answers = Promise.allSettled([reads.ask('a'), reads.ask('b')]);
    await round();
    asked[0]?.fail(unreachable);
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const later = reads.ask('c');
    await round();
    asked[1]?.answer();
    expect(await later).toBe('C');
  });

  it('for what was asked is repeated question by question', async () => {
    const answers = Promise.allSettled([reads.ask('bad'), reads.ask('good')]);
    await round();
    asked[0]?.fail(new Error('invalid byte sequence'));
    await round();
    asked[1]?.fail(new Error('invalid byte sequence'));
    await round();
    asked[2]?.answer();
    expect(questions()).toEqual([['bad', 'good'], ['bad'], ['good']]);
    expect(await answers).toMatchObject([{ status: 'rejected' }, { value: 'GOOD' }]);
  });
});
