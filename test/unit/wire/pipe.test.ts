import { describe, expect, test } from 'vitest';
import { createPipe, type PipeEnd } from '../../../src/wire/pipe.ts';

/** Writes down what an end hears. */
function listen(end: PipeEnd): { readonly heard: string[]; until(what: string): Promise<void> } {
  const heard: string[] = [];
  let wake: () => void = () => undefined;
  const hear = (what: string): void => {
    heard.push(what);
    wake();
  };
  end.setSink({
    data(chunk, tenure) {
      hear(`${chunk.toString()} ${tenure}`);
      return false;
    },
    end: () => hear('end'),
    drain: () => hear('drain'),
    close: (error) => hear(error === null ? 'close' : error.message),
  });
  return {
    heard,
    async until(what) {
      while (!heard.includes(what)) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a pipe', () => {
  test('carries bytes both ways in order, and none during the call that wrote them', async () => {
    const [near, far] = createPipe();
    const [atNear, atFar] = [listen(near), listen(far)];
    near.resume();
    far.resume();
    near.write(Buffer.from('a'));
    near.write(Buffer.from('b'));
    far.write(Buffer.from('c'));
    expect([atNear.heard, atFar.heard]).toEqual([[], []]);
    await atFar.until('b owned');
    await atNear.until('c owned');
    expect([atNear.heard, atFar.heard]).toEqual([['c owned'], ['a owned', 'b owned']]);
  });

  test('keeps what comes until there is a sink that reads', async () => {
    const [near, far] = createPipe();
    near.write(Buffer.from('early'));
    near.end();
    await turn();
    const atFar = listen(far);
    await turn();
    expect(atFar.heard).toEqual([]);
    far.resume();
    await atFar.until('end');
    expect(atFar.heard).toEqual(['early owned', 'end']);
  });

  test('tells a writer to wait, and when to go on', async () => {
    const [near, far] = createPipe();
    const atNear = listen(near);
    const atFar = listen(far);
    expect(near.write(Buffer.alloc(60_000, 'x'))).toBe(true);
    expect(near.write(Buffer.alloc(60_000, 'x'))).toBe(false);
    expect(near.queuedBytes).toBe(120_000);
    let isDrained = false;
    const drained = near.drained().then(() => (isDrained = true));
    await turn();
    expect([isDrained, atNear.heard]).toEqual([false, []]);
    far.resume();
    await drained;
    expect(atNear.heard).toEqual(['drain']);
    expect(atFar.heard).toHaveLength(2);
    expect(near.queuedBytes).toBe(0);
    await near.drained();
  });

  test('closes once both sides have ended, and answers go on until then', async () => {
    const [near, far] = createPipe();
    const [atNear, atFar] = [listen(near), listen(far)];
    near.resume();
    far.resume();
    near.end();
    near.write(Buffer.from('too late'));
    await atFar.until('end');
    far.write(Buffer.from('answer'));
    far.end();
    await atNear.until('close');
    await atFar.until('close');
    expect(atNear.heard).toEqual(['answer owned', 'end', 'close']);
    expect(atFar.heard).toEqual(['end', 'close']);
    expect([near.closed, far.closed]).toEqual([true, true]);
  });

  test('destroyed by one side, the other reads what it had written, then hears of it; nobody waits', async () => {
    const [near, far] = createPipe();
    const [atNear, atFar] = [listen(near), listen(far)];
    near.write(Buffer.from('last words'));
    far.write(Buffer.alloc(100_000));
    const drained = far.drained();
    near.destroy();
    near.destroy();
    await drained;
    near.resume();
    await atNear.until('close');
    expect(atNear.heard).toEqual(['close']);
    far.resume();
    await atFar.until('close');
    expect(atFar.heard).toEqual(['last words owned', 'close']);
    expect(far.write(Buffer.from('x'))).toBe(true);
    expect(far.queuedBytes).toBe(0);
  });

  test('copies what will change, and leaves what will not', async () => {
    const [near, far] = createPipe();
    const atFar = listen(far);
    const chunk = Buffer.from('a');
    near.writeCopy(chunk);
    chunk.fill('z');
    far.resume();
    await atFar.until('a owned');
    expect(atFar.heard).toEqual(['a owned']);
  });
});
