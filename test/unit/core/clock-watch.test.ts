import { expect, it } from 'vitest';
import { ClockWatch } from '../../../src/core/clock-watch.ts';
import { DAY_MS, HOUR_MS } from '../../../src/core/duration.ts';

/** The two clocks of a machine, each of which can be moved. */
class Clocks {
  wallMs = Date.UTC(2030, 0, 1);
  countedMs = 0;

  now(): Date {
    return new Date(this.wallMs);
  }

  monotonicMs(): number {
    return this.countedMs;
  }

  after(): never {
    throw new Error('it waits for nothing');
  }

  pass(ms: number): void {
    this.wallMs += ms;
    this.countedMs += ms;
  }
}

it('believes a clock that goes, however long it is not looked at', () => {
  const clocks = new Clocks();
  const watch = new ClockWatch(clocks);
  clocks.pass(400 * DAY_MS);
  expect(watch.isSteady()).toBe(true);
});

it.each([HOUR_MS, -HOUR_MS])('believes one that is put right by %i ms', (byMs) => {
  const clocks = new Clocks();
  const watch = new ClockWatch(clocks);
  clocks.wallMs += byMs;
  expect(watch.isSteady()).toBe(true);
});

it.each([HOUR_MS + 1, -HOUR_MS - 1, 365 * DAY_MS])(
  'does not believe one that is set by %i ms for a day',
  (byMs) => {
    const clocks = new Clocks();
    const watch = new ClockWatch(clocks);
    clocks.wallMs += byMs;
    expect(watch.isSteady()).toBe(false);
    clocks.pass(DAY_MS - 1);
    expect(watch.isSteady()).toBe(false);
    clocks.pass(1);
    expect(watch.isSteady()).toBe(true);
    clocks.pass(DAY_MS);
    expect(watch.isSteady()).toBe(true);
  },
);

it('believes it again as soon as it is set right, and the next time waits for a whole day again', () => {
  const clocks = new Clocks();
  const watch = new ClockWatch(clocks);
  clocks.wallMs += DAY_MS;
  expect(watch.isSteady()).toBe(false);
  clocks.pass(DAY_MS / 2);
  clocks.wallMs -= DAY_MS;
  expect(watch.isSteady()).toBe(true);
  clocks.wallMs += DAY_MS;
  expect(watch.isSteady()).toBe(false);
  clocks.pass(DAY_MS / 2);
  expect(watch.isSteady()).toBe(false);
});

it('a clock that drifts apart by more than an hour over time is one that was set', () => {
  const clocks = new Clocks();
  const watch = new ClockWatch(clocks);
  for (let n = 0; n < 4; n++) {
    clocks.pass(DAY_MS);
    clocks.wallMs += HOUR_MS / 3;
    expect(watch.isSteady()).toBe(n < 3);
  }
});
