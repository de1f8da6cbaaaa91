import { expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { timed } from '../../../src/login/even-out.ts';

/** A clock whose timers run when it is moved. */
function movableClock() {
  let nowMs = 0;
  const timers: { atMs: number; run: () => void }[] = [];
  const clock: Clock = {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    after(delayMs, run) {
      timers.push({ atMs: nowMs + delayMs, run });
      return { cancel: () => undefined };
    },
  };
  const move = (ms: number) => {
    nowMs += ms;
    for (const { run } of timers.filter(({ atMs }) => atMs <= nowMs)) run();
  };
  return { clock, move, timers };
}

test.each([
  { workMs: 0, answeredAfterMs: 20 },
  { workMs: 0.2, answeredAfterMs: 20 },
  { workMs: 19.9, answeredAfterMs: 20 },
  { workMs: 31, answeredAfterMs: 40 },
])(
  'after $workMs ms of work a refusal leaves at $answeredAfterMs ms',
  async ({ workMs, answeredAfterMs }) => {
    const { clock, move, timers } = movableClock();
    const { reader, evenOut } = timed({ next: () => Promise.resolve(null) }, clock);
    move(1234.5);
    await reader.next();
    const messageMs = clock.monotonicMs();
    move(workMs);
    const answered = evenOut();
    expect((timers[0]?.atMs ?? 0) - messageMs).toBeCloseTo(answeredAfterMs, 6);
    move(20);
    await answered;
  },
);
