import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { GatewayError } from '../../../src/core/errors.ts';
import type { Admission, Attempt } from '../../../src/accounts/guess-guard.ts';
import { DEFAULT_THROTTLE, Throttle } from '../../../src/login/throttle.ts';

const options = { ...DEFAULT_THROTTLE, free: 3, freeUnguessable: 6 };
const ada: Attempt = { address: '192.0.2.1', account: 'ada', encrypted: true, guessable: true };

let nowMs = 0;
let throttle: Throttle;

beforeEach(() => {
  nowMs = 1000;
  throttle = new Throttle(standing(), options);
});

/** A clock that a test sets. */
function standing(): Clock {
  return {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    after: () => ({ cancel: () => undefined }),
  };
}

/** Seconds that the client is told to wait; 0 when it is let in (and then drops out again). */
function waitSeconds(attempt: Attempt): number {
  try {
    throttle.admit(attempt).dropped();
    return 0;
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'login.throttled') throw error;
    expect(error.client.sqlState).toBe('53300');
    return Number(/try again in (\d+) second/.exec(error.client.message)?.[1]);
  }
}

function fail(times: number, attempt: Attempt = ada, fingerprint: string | null = null): void {
  for (let i = 0; i < times; i += 1) throttle.admit(attempt).failed(fingerprint);
}

describe('long names', () => {
  const long = (n: number): string => Buffer.alloc(100_000, 'aBc').toString() + String(n);

  test('are told apart, and slowed down each for itself', () => {
    fail(options.free + 1, { ...ada, account: long(1) });
    expect(waitSeconds({ ...ada, account: long(1) })).toBeGreaterThan(0);
    expect(waitSeconds({ ...ada, account: long(2) })).toBe(0);
  });

  test('are not kept', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const held = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = held();
    for (let n = 0; n < 1000; n += 1) fail(1, { ...ada, account: long(n) });
    // All of them are 100 MB.
    expect(held() - before).toBeLessThan(5_000_000);
    expect(waitSeconds(ada)).toBe(0);
  });
});

describe('back-off', () => {
  test('begins after the free failures and doubles up to the longest wait', () => {
    fail(options.free);
    const waits = [1, 2, 3, 4, 5, 6, 7].map(() => {
      fail(1);
      const wait = waitSeconds(ada);
      nowMs += wait * 1000;
      return wait;
    });
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30]);
  });

  test('lets the next attempt in exactly when the wait is over', () => {
    fail(options.free + 1);
    nowMs += 999;
    expect(waitSeconds(ada)).toBe(1);
    nowMs += 1;
    expect(waitSeconds(ada)).toBe(0);
  });

  test('does not concern other accounts or other addresses', () => {
    fail(options.free + 1);
    nowMs += 1;
    expect(waitSeconds({ ...ada, account: 'bob' })).toBe(0);
    expect(waitSeconds({ ...ada, address: '192.0.2.2' })).toBe(0);
    expect(waitSeconds(ada)).toBeGreaterThan(0);
  });

  test.each([
    { title: 'the same /64', first: '2001:db8:1:2::1', second: '2001:db8:1:2:ffff::9', same: true },
    { title: 'another /64', first: '2001:db8:1:2::1', second: '2001:db8:1:3::1', same: false },
    { title: 'IPv4 inside IPv6', first: '192.0.2.1', second: '::ffff:192.0.2.1', same: true },
  ])('takes $title for the same sender: $same', ({ first, second, same }) => {
    fail(options.free + 1, { ...ada, address: first });
    expect(waitSeconds({ ...ada, address: second }) > 0).toBe(same);
  });

  test('takes a name in another case for the same account, since e-mail addresses are', () => {
    fail(options.free + 1, { ...ada, account: 'ada@example.com' });
    expect(waitSeconds({ ...ada, account: 'Ada@Example.com' })).toBeGreaterThan(0);
  });

  test('is forgotten with time', () => {
    fail(options.free + 1);
    nowMs += options.forgiveEveryMs;
    fail(1);
    expect(waitSeconds(ada)).toBe(1);
    nowMs += 2 * options.forgiveEveryMs;
    fail(1);
    expect(waitSeconds(ada)).toBe(0);
  });

  test('allows more where a secret can not be guessed', () => {
    const anyToken = { ...ada, account: '$token', guessable: false };
    fail(options.freeUnguessable, anyToken);
    expect(waitSeconds(anyToken)).toBe(0);
    fail(1, anyToken);
    expect(waitSeconds(anyToken)).toBe(1);
  });
});

describe('what counts', () => {
  test('a wrong secret that is repeated counts once, and keeps nobody out', () => {
    fail(100, ada, throttle.fingerprint('ada', Buffer.from('old password')));
    expect(waitSeconds(ada)).toBe(0);
    fail(options.free - 1);
    expect(waitSeconds(ada)).toBe(0);
    fail(1);
    expect(waitSeconds(ada)).toBe(1);
  });

  test('once slowed down, a repeated secret does not take the turn of others', () => {
    const stuck = throttle.fingerprint('ada', Buffer.from('old password'));
    fail(1, ada, stuck);
    fail(options.free);
    nowMs += 1000;
    throttle.admit(ada).failed(stuck);
    expect(waitSeconds(ada)).toBe(0);
  });

  test('as many secrets as are free, in turn, keep nobody out, and one more does', () => {
    const free = 100;
    throttle = new Throttle(standing(), { ...options, freeUnguessable: free });
    const anyToken = { ...ada, account: '$token', guessable: false };
    const dead = Array.from({ length: free + 1 }, (_, n) =>
      throttle.fingerprint('$token', Buffer.from(`${n}`)),
    );
    for (let round = 0; round < 3; round += 1)
      for (const print of dead.slice(0, free)) fail(1, anyToken, print);
    expect(waitSeconds(anyToken)).toBe(0);
    fail(1, anyToken, dead[free]);
    expect(waitSeconds(anyToken)).toBe(1);
  });

  test('different secrets each count, also when they come in turn', () => {
    for (let i = 0; i <= options.free; i += 1) {
      fail(1, ada, throttle.fingerprint('ada', Buffer.from(`guess ${i}`)));
    }
    expect(waitSeconds(ada)).toBe(1);
  });

  test('only so many secrets are remembered, the last ones', () => {
    throttle = new Throttle(standing(), { ...options, free: 300 });
    for (let n = 0; n < 300; n += 1) fail(1, ada, `${n}`);
    fail(1, ada, '299');
    fail(1, ada, '44');
    expect(waitSeconds(ada)).toBe(0);
    fail(1, ada, '43');
    expect(waitSeconds(ada)).toBe(1);
  });

  test('a second try without TLS right after one with TLS is the same attempt', () => {
    for (let i = 0; i < options.free; i += 1) {
      fail(1, ada);
      fail(1, { ...ada, encrypted: false });
    }
    expect(waitSeconds(ada)).toBe(0);
    fail(1, ada);
    expect(waitSeconds(ada)).toBe(1);
  });

  test('a later try without TLS is another attempt, and so is a third one', () => {
    fail(options.free - 1);
    nowMs += 3000;
    fail(1, { ...ada, encrypted: false });
    fail(1, { ...ada, encrypted: false });
    expect(waitSeconds(ada)).toBe(1);
  });

  test('a success forgives, once in a while', () => {
    fail(options.free);
    throttle.admit(ada).succeeded();
    fail(options.free);
    expect(waitSeconds(ada)).toBe(0);
    throttle.admit(ada).succeeded();
    fail(1);
    expect(waitSeconds(ada)).toBe(1);
  });

  test('a client that leaves before it answers counts for nothing', () => {
    for (let i = 0; i < 100; i += 1) throttle.admit(ada).dropped();
    expect(waitSeconds(ada)).toBe(0);
  });
});

test('once slowed down, connections that are opened at once get one turn', () => {
  fail(options.free + 1);
  nowMs += 1000;
  throttle.admit(ada);
  expect(() => throttle.admit(ada)).toThrow('has to wait');
  expect(() => throttle.admit(ada)).toThrow('has to wait');
});

test('leaving early gives back no more than the own turn', () => {
  const early = throttle.admit(ada);
  fail(options.free + 1);
  early.dropped();
  expect(waitSeconds(ada)).toBe(1);
});

test('memory is bounded: the pair that was quiet longest is forgotten', () => {
  throttle = new Throttle(
    { now: () => new Date(0), monotonicMs: () => nowMs, after: () => ({ cancel: () => undefined }) },
    { ...options, maxEntries: 2 },
  );
  fail(options.free + 1, ada);
  fail(1, { ...ada, account: 'b' });
  fail(1, { ...ada, account: 'c' });
  expect(waitSeconds(ada)).toBe(0);
});

test('memory is bounded, however many secrets each pair would remember', () => {
  throttle = new Throttle(standing(), { ...options, free: 256, maxEntries: 40 });
  const names = ['first', 'second', 'third'];
  for (const account of names) for (let n = 0; n <= 256; n += 1) fail(1, { ...ada, account }, `${n}`);
  expect(names.map((account) => waitSeconds({ ...ada, account }))).toEqual([0, 1, 1]);
});

test('fingerprints depend on the account and on the process, and do not hold the secret', () => {
  const secret = Buffer.from('old password');
  const print = throttle.fingerprint('ada', secret);
  expect(print).not.toBe(throttle.fingerprint('bob', secret));
  expect(print).not.toBe(
    new Throttle({
      now: () => new Date(0),
      monotonicMs: () => 0,
      after: () => ({ cancel: () => undefined }),
    }).fingerprint('ada', secret),
  );
  expect(print).toHaveLength(22);
});

describe('attempts that were let in together', () => {
  const burst = async (count: number, end: (admission: Admission) => void) => {
    const outcomes = Array.from({ length: count }, () => throttle.admit(ada)).map(async (admission) => {
      try {
        await admission.mayTest();
      } catch (error) {
        admission.dropped();
        return (error as GatewayError).code;
      }
      // A test takes a while.
      await new Promise(setImmediate);
      end(admission);
      return 'tested';
    });
    return (await Promise.all(outcomes)).filter((outcome) => outcome === 'tested').length;
  };

  test('are no more guesses than the same one after the other', async () => {
    let made = 0;
    expect(await burst(1000, (admission) => admission.failed(`guess ${(made += 1)}`))).toBe(options.free + 1);
    expect(waitSeconds(ada)).toBe(1);
  });

  test('are all tested when they are right, or one secret repeated', async () => {
    expect(await burst(100, (admission) => admission.succeeded())).toBe(100);
    expect(await burst(100, (admission) => admission.failed('the old password'))).toBe(100);
    expect(await burst(100, (admission) => admission.dropped())).toBe(100);
  });

  test('do not keep the one whose turn it is from being tested', async () => {
    fail(options.free + 1);
    nowMs += 1000;
    const admission = throttle.admit(ada);
    await admission.mayTest();
    admission.succeeded();
    expect(waitSeconds(ada)).toBe(0);
  });
});
