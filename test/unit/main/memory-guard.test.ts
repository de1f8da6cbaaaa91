import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createMemoryMeter, MemoryGuard, type MemoryUse } from '../../../src/main/life/memory-guard.ts';

const MIB = 2 ** 20;
const PLENTY: MemoryUse = {
  heapUsed: 50 * MIB,
  heapLive: null,
  heapLimit: 1000 * MIB,
  resident: 100 * MIB,
  residentLimit: 500 * MIB,
};

function guardOf(use: MemoryUse) {
  let nowMs = 0;
  let now = use;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const becomes = (next: MemoryUse): void => {
    now = next;
    nowMs += 1000;
  };
  return { guard: new MemoryGuard(clock, () => now), becomes };
}

describe('logins while memory is scarce', () => {
  it.each([
    [{ ...PLENTY, heapUsed: 901 * MIB }, '901 MiB of 1000 MiB heap in use (--max-old-space-size)'],
    [
      { ...PLENTY, heapUsed: 901 * MIB, heapLive: 751 * MIB },
      '901 MiB of 1000 MiB heap in use (--max-old-space-size)',
    ],
    // So much is kept of a small heap, too.
    [
      { ...PLENTY, heapUsed: 49 * MIB, heapLimit: 64 * MIB },
      '49 MiB of 64 MiB heap in use (--max-old-space-size)',
    ],
    [{ ...PLENTY, resident: 451 * MIB }, "451 MiB of 500 MiB memory in use (the container's limit)"],
  ])('are refused with 53200, and let in again later', (scarce, reason) => {
    const { guard, becomes } = guardOf(PLENTY);
    guard.check();
    becomes(scarce);
    expect(() => guard.check()).toThrow(
      expect.objectContaining({
        code: 'session.out_of_memory',
        message: reason,
        client: expect.objectContaining({ sqlState: '53200' }) as object,
      }) as Error,
    );
    becomes(PLENTY);
    guard.check();
  });

  it('are not refused for memory that nobody limits', () => {
    guardOf({ ...PLENTY, resident: 100_000 * MIB, residentLimit: null }).guard.check();
  });

  it('are not refused for what is mostly garbage', () => {
    guardOf({ ...PLENTY, heapUsed: 950 * MIB, heapLive: 700 * MIB }).guard.check();
  });

  it('are judged by what this process really uses', () => {
    const meter = createMemoryMeter(1);
    onTestFinished(() => meter.close());
    const { heapUsed, heapLimit, resident } = meter.measure();
    expect(heapUsed).toBeGreaterThan(MIB);
    expect(heapLimit).toBeGreaterThan(heapUsed);
    expect(resident).toBeGreaterThan(heapUsed);
  });
});
