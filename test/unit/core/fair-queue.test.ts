import { describe, expect, test } from 'vitest';
import { FairQueue } from '../../../src/core/fair-queue.ts';

function accepted<T>(result: Promise<T> | null): Promise<T> {
  if (result === null) throw new Error('the queue is full');
  return result;
}

/** Jobs that end when told to, and the order in which they began. */
function workshop() {
  const begun: string[] = [];
  const finishers = new Map<string, () => void>();
  return {
    begun,
    job: (name: string) => () => {
      begun.push(name);
      return new Promise<string>((resolve) => finishers.set(name, () => resolve(name)));
    },
    finish: (name: string) => finishers.get(name)?.(),
  };
}

describe('fair queue', () => {
  test('runs no more than so many at once', async () => {
    const { begun, job, finish } = workshop();
    const queue = new FairQueue({ running: 2, waiting: 10, waitingPerLane: 10 });
    const results = ['a', 'b', 'c'].map((name) => accepted(queue.run('x', job(name))));
    expect(begun).toEqual(['a', 'b']);
    expect(queue.waiting).toBe(1);
    finish('b');
    expect(await results[1]).toBe('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    finish('a');
    finish('c');
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c']);
  });

  test('serves lanes in turn, whatever their length', async () => {
    const { begun, job, finish } = workshop();
    const queue = new FairQueue({ running: 1, waiting: 10, waitingPerLane: 10 });
    const names = ['flood1', 'flood2', 'flood3', 'flood4', 'ada1', 'ada2', 'bob1'];
    const results = names.map((name) => accepted(queue.run(name.slice(0, -1), job(name))));
    for (let i = 0; i < names.length; i += 1) {
      const current = begun[i] ?? '';
      finish(current);
      await results[names.indexOf(current)];
    }
    expect(begun).toEqual(['flood1', 'flood2', 'ada1', 'bob1', 'flood3', 'ada2', 'flood4']);
    expect(queue.waiting).toBe(0);
  });

  test('refuses what goes beyond a lane or beyond all, without running it', async () => {
    const { begun, job, finish } = workshop();
    const queue = new FairQueue({ running: 1, waiting: 3, waitingPerLane: 2 });
    const first = queue.run('x', job('x1'));
    expect([queue.run('x', job('x2')), queue.run('x', job('x3')), queue.run('x', job('x4'))][2]).toBeNull();
    expect([queue.isFull('x'), queue.isFull('y')]).toEqual([true, false]);
    expect([queue.run('y', job('y1')), queue.run('y', job('y2'))][1]).toBeNull();
    expect(queue.isFull('y')).toBe(true);
    expect(begun).toEqual(['x1']);
    finish('x1');
    await first;
    expect(begun).toEqual(['x1', 'x2']);
  });

  test('a job that fails makes room for the next', async () => {
    const queue = new FairQueue({ running: 1, waiting: 3, waitingPerLane: 3 });
    const failing = queue.run('x', () => Promise.reject(new Error('broken')));
    const next = queue.run('x', () => Promise.resolve('done'));
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('done');
  });
});
