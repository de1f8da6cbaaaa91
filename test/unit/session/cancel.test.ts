import { createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { cancelNearby, createCancelGuesses, forwardCancel } from '../../../src/session/cancel.ts';
import { silentLog } from '../../support/store.ts';

test.each([
  ['one address', () => '192.0.2.1'],
  ['every address of an IPv6 network', (n: number) => `2001:db8::${n}`],
])('who makes up cancel keys from %s is held back, and nobody else', async (_from, addressOf) => {
  const published: number[] = [];
  const deps = {
    publish: ({ processId }: { processId: number }) => Promise.resolve(void published.push(processId)),
    guesses: createCancelGuesses({ ...systemClock, monotonicMs: () => 0 }),
    digestKey: createSecretKey(Buffer.alloc(32)),
    log: silentLog,
  };
  const ask = (processId: number, address: string): Promise<void> =>
    forwardCancel({ processId, key: Buffer.of(1, 2, 3, 4), address }, deps);
  for (let n = 1; n <= 300; n += 1) await ask(n, addressOf(n));
  expect(published).toHaveLength(20);
  await ask(9999, '2001:db8:0:1::1');
  expect(published.at(-1)).toBe(9999);
});

test('the other processes are not asked for every key that somebody makes up', async () => {
  const guesses = createCancelGuesses({ ...systemClock, monotonicMs: () => 0 });
  const asking = (address: string) => ({ processId: 1, key: Buffer.of(1, 2, 3, 4), address });
  let calls = 0;
  const answer = (known: boolean) => (): Promise<boolean> => {
    calls += 1;
    return Promise.resolve(known);
  };
  for (let n = 0; n < 500; n += 1) {
    expect(await cancelNearby(asking('192.0.2.1'), guesses, answer(true))).toBe(true);
  }
  expect(calls).toBe(500);
  for (let n = 0; n < 500; n += 1) {
    expect(await cancelNearby(asking('192.0.2.1'), guesses, answer(false))).toBe(false);
  }
  expect(calls).toBe(700);
  expect(await cancelNearby(asking('192.0.2.2'), guesses, answer(true))).toBe(true);
});
