import { totalmem } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { garbageCollector } from '../../../src/main/life/collect-garbage.ts';
import { createMemoryMeter, MemoryGuard, type MemoryUse } from '../../../src/main/life/memory-guard.ts';

const MIB = 2 ** 20;
const PLENTY: MemoryUse = {
  heapUsed: 50 * MIB,
  heapLive: null,
  heapLimit: 1000 * MIB,
  shared: [],
};

const container = (used: number): MemoryUse => ({
  ...PLENTY,
  shared: [
    { whose: 'all that the machine has', limit: 2000 * MIB, used: 100 * MIB, reserve: 60 * MIB },
    { whose: "the container's limit", limit: 500 * MIB, used: used * MIB, reserve: 50 * MIB },
  ],
});

function guardOf(use: MemoryUse, collect: () => void = () => undefined) {
  let nowMs = 0;
  let now = use;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const becomes = (next: MemoryUse, afterMs = 1000): void => {
    now = next;
    nowMs += afterMs;
  };
  return { guard: new MemoryGuard(clock, () => now, collect), becomes };
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
    [container(451), "451 MiB of 500 MiB memory in use (the container's limit)"],
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

  it('are not refused while the reserve is there', () => {
    guardOf(container(450)).guard.check();
  });

  it('are not refused for what is mostly garbage', () => {
    guardOf({ ...PLENTY, heapUsed: 950 * MIB, heapLive: 700 * MIB }).guard.check();
  });

  it('are not refused for garbage, which is collected first', () => {
    const { guard, becomes } = guardOf(container(499), () => becomes(PLENTY, 0));
    guard.check();
  });

  it('do not keep the gateway collecting', () => {
    let collections = 0;
    const scarce = container(499);
    const { guard, becomes } = guardOf(scarce, () => {
      collections += 1;
      // It takes so long.
      becomes(scarce, 200);
    });
    const refused = (): unknown => expect(() => guard.check()).toThrow('memory in use');
    refused();
    for (let second = 0; second < 9; second++) {
      becomes(scarce);
      refused();
    }
    expect(collections).toBe(1);
    becomes(scarce);
    refused();
    expect(collections).toBe(2);
  });

  it('can count on a collection that frees what nobody has any more', () => {
    const collect = garbageCollector();
    let kept: string[] | null = Array.from({ length: 500 }, (_, n) =>
      JSON.stringify(`${'x'.repeat(100_000)}${n}`),
    );
    const full = process.memoryUsage().heapUsed;
    expect(kept.length).toBe(500);
    kept = null;
    collect();
    expect(full - process.memoryUsage().heapUsed).toBeGreaterThan(40_000_000);
    expect(Reflect.get(globalThis, 'gc')).toBeUndefined();
  });

  it('are judged by what this process really uses', () => {
    const meter = createMemoryMeter();
    onTestFinished(() => meter.close());
    const { heapUsed, heapLimit, shared } = meter.measure();
    expect(heapUsed).toBeGreaterThan(MIB);
    expect(heapLimit).toBeGreaterThan(heapUsed);
    if (process.platform !== 'linux') return;
    const machine = shared.at(-1);
    expect(machine).toMatchObject({ whose: 'all that the machine has', limit: totalmem() });
    expect(machine?.used).toBeGreaterThan(heapUsed);
  });
});
