import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FairQueue } from '../../../src/core/fair-queue.ts';

const tooMany = (): Error => new Error('too many');

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
    const results = ['a', 'b', 'c'].map((name) => queue.run('x', job(name), tooMany));
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
    const results = names.map((name) => queue.run(name.slice(0, -1), job(name), tooMany));
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
    const first = queue.run('x', job('x1'), tooMany);
    const others = ['x2', 'x3', 'x4', 'y1', 'y2'].map((name) =>
      queue.run(name.slice(0, 1), job(name), tooMany),
    );
    await expect(others[2]).rejects.toThrow('too many');
    await expect(others[4]).rejects.toThrow('too many');
    expect([queue.isFull('x'), queue.isFull('y')]).toEqual([true, true]);
    expect(begun).toEqual(['x1']);
    finish('x1');
    await first;
    expect(begun).toEqual(['x1', 'x2']);
  });

  /** So many lanes with so many jobs each, and a job before them all that runs until it is told to end. */
  function flood(lanes: number, each: number) {
    const { begun, job, finish } = workshop();
    const queue = new FairQueue({ running: 1, waiting: 250, waitingPerLane: 32 });
    const refused: string[] = [];
    const ended: string[] = [];
    const add = (lane: string | null, name = String(lane)): void => {
      queue.run(lane, job(name), tooMany).then(
        () => ended.push(name),
        () => refused.push(name),
      );
    };
    add('before');
    for (let n = 0; n < each; n++) for (let lane = 0; lane < lanes; lane++) add(`${lane}`, `${lane} ${n}`);
    /** Until nothing waits. @returns what ran, in order */
    const runAll = async (): Promise<readonly string[]> => {
      for (let at = 0; at < begun.length; at++) {
        finish(begun[at] ?? '');
        await nextTurn();
      }
      return begun;
    };
    return { queue, add, refused, ended, runAll };
  }

  test('full of a few long lanes, it has room for another, which takes it from the longest', async () => {
    const { queue, add, refused, ended, runAll } = flood(9, 32);
    await nextTurn();
    expect([queue.waiting, refused.length]).toEqual([250, 38]);
    expect(queue.isFull('good')).toBe(false);
    add('good');
    await nextTurn();
    expect(queue.waiting).toBe(250);
    // The newest of a lane that had 28.
    expect(refused.slice(38)).toEqual(['0 27']);
    const order = await runAll();
    expect(order.indexOf('good')).toBe(10);
    expect(ended).toHaveLength(251);
    expect(queue.waiting).toBe(0);
  });

  test('full of lanes that are all as long, it is full for each of them', async () => {
    const { queue, add, refused } = flood(50, 5);
    await nextTurn();
    expect(refused).toEqual([]);
    expect([queue.isFull('0'), queue.isFull('good')]).toEqual([true, false]);
    add('0');
    for (let n = 0; n < 5; n++) add('good', `good ${n}`);
    await nextTurn();
    expect(refused[0]).toBe('0');
    // One that holds four takes no fifth from one that has five.
    expect(refused.slice(1)).toEqual(['0 4', '1 4', '2 4', '3 4', 'good 4']);
  });

  test('jobs of the process itself find room among lanes of one, up to a lane of their own, and keep it', async () => {
    const { queue, add, refused, ended, runAll } = flood(250, 1);
    for (let n = 0; n < 33; n++) add(null, `own ${n}`);
    await nextTurn();
    expect(refused).toHaveLength(33);
    expect(refused).toContain('own 32');
    for (let n = 0; n < 5; n++) add('late', `late ${n}`);
    await nextTurn();
    expect(refused.slice(33)).toEqual(['late 0', 'late 1', 'late 2', 'late 3', 'late 4']);
    expect(queue.waiting).toBe(250);
    await runAll();
    expect(ended.filter((name) => name.startsWith('own'))).toHaveLength(32);
    expect(ended).toHaveLength(251);
    expect(queue.waiting).toBe(0);
  });

  test('a job that fails makes room for the next', async () => {
    const queue = new FairQueue({ running: 1, waiting: 3, waitingPerLane: 3 });
    const failing = queue.run('x', () => Promise.reject(new Error('broken')), tooMany);
    const next = queue.run('x', () => Promise.resolve('done'), tooMany);
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('done');
  });
});
