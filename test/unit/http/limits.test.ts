import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { FailureLimiter } from '../../../src/http/auth/limiter.ts';

function movableClock(): Clock & { move(ms: number): void } {
  let nowMs = 0;
  return {
    move: (ms) => (nowMs += ms),
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    after: () => ({ cancel: () => undefined }),
  };
}

describe('the limiter of failures', () => {
  it('lets a burst through, then as many as flow back', () => {
    const clock = movableClock();
    const limiter = new FailureLimiter({ burst: 3, perSecond: 2, maxKeys: 10, clock });
    for (let n = 0; n < 3; n += 1) {
      expect(limiter.waitMs('a')).toBe(0);
      limiter.spend('a');
    }
    expect(limiter.waitMs('a')).toBe(500);
    expect(limiter.waitMs('b')).toBe(0);
    clock.move(500);
    expect(limiter.waitMs('a')).toBe(0);
  });

  it('does not save up more than the burst', () => {
    const clock = movableClock();
    const limiter = new FailureLimiter({ burst: 2, perSecond: 1, maxKeys: 10, clock });
    limiter.spend('a');
    clock.move(3_600_000);
    limiter.spend('a');
    limiter.spend('a');
    expect(limiter.waitMs('a')).toBe(1000);
  });

  it('remembers no more senders than it was told to', () => {
    const clock = movableClock();
    const limiter = new FailureLimiter({ burst: 1, perSecond: 1, maxKeys: 2, clock });
    for (const key of ['a', 'b', 'c']) limiter.spend(key);
    expect(limiter.waitMs('a')).toBe(0);
    expect(limiter.waitMs('c')).toBe(1000);
  });
});
