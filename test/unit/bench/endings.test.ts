import { beforeEach, describe, expect, test } from 'vitest';

import { Endings, type Held } from '../../../bench/soak/endings.ts';
import { Happenings } from '../../../bench/soak/happenings.ts';
import { Right } from '../../../bench/soak/right.ts';

let happenings: Happenings;
let violations: string[];
let endings: Endings;
beforeEach(() => {
  happenings = new Happenings();
  violations = [];
  endings = new Endings(happenings, (what) => violations.push(what));
});

const open = (...rights: readonly Right[]): Held => {
  const session = { who: 'ann', rights, openedMs: 1000 };
  endings.opened(session);
  return session;
};
const takenAt = (right: Right, nowMs: number): void => {
  right.taking(nowMs - 10);
  right.taken(nowMs);
};
const broken = (part: 'store' | 'engine' | null, fromMs: number, toMs: number): void =>
  happenings.end(happenings.begin('a fault', part, fromMs), toMs);

describe('a session whose token was revoked', () => {
  test('may end within the limit, and how long it took is kept', () => {
    const right = new Right();
    const session = open(new Right(), right);
    takenAt(right, 10_000);
    endings.look(12_900);
    endings.closed(session, 12_950);
    expect(violations).toEqual([]);
    expect(endings.longestMs).toEqual({ calm: 2950, engine: 0, store: 0 });
  });

  test('is noticed once when it goes on, and when it ends too late', () => {
    const right = new Right();
    const [one, other] = [open(right), open(right)];
    takenAt(right, 10_000);
    endings.look(13_001);
    endings.look(13_500);
    expect(violations).toEqual([
      expect.stringMatching(/^a session of ann outlived its right by 3001 ms \(calm\), before any fault$/),
      expect.stringMatching(/3001 ms/),
    ]);
    endings.closed(one, 14_000);
    endings.closed(other, 14_000);
    expect(violations).toHaveLength(2);
    const late = open(right);
    endings.closed(late, 14_001);
    expect(violations[2]).toMatch(/4001 ms \(calm\)/);
  });

  test.each([
    ['store', 11_000, 12_000, 12_000],
    ['store', 5000, 6000, 12_000],
    ['engine', 11_000, 12_000, 6000],
    [null, 11_000, 12_000, 3000],
    ['store', 3000, 4000, 3000],
    ['engine', 3000, 4000, 3000],
  ] as const)('may stay longer by a fault of the %s from %i to %i: %i ms', (part, fromMs, toMs, limitMs) => {
    broken(part, fromMs, toMs);
    const right = new Right();
    const session = open(right);
    takenAt(right, 10_000);
    endings.look(10_000 + limitMs);
    expect(violations).toEqual([]);
    endings.look(10_000 + limitMs + 1);
    expect(violations).toHaveLength(1);
    endings.closed(session, 10_000 + limitMs + 2);
  });
});

describe('a session of a user who was disabled', () => {
  test('has to end although it has a token of its own that is good', () => {
    const user = new Right();
    open(new Right(), user);
    takenAt(user, 10_000);
    expect(endings.dueBy(user)).toBe(1);
    user.giving(11_000);
    user.given(11_010);
    endings.look(13_001);
    expect(violations).toHaveLength(1);
  });

  test('may stay that was opened once the user was being enabled again', () => {
    const user = new Right();
    takenAt(user, 500);
    user.giving(900);
    user.given(910);
    open(user);
    expect(endings.dueBy(user)).toBe(0);
    endings.look(60_000);
    expect(violations).toEqual([]);
  });

  test('counts from when it was opened, where the login had begun before', () => {
    const user = new Right();
    takenAt(user, 500);
    const session = open(user);
    endings.closed(session, 1200);
    expect(endings.longestMs.calm).toBe(200);
  });
});

test('a session that nothing was taken from stays as long as it likes', () => {
  const session = open(new Right(), new Right());
  endings.look(1_000_000);
  endings.closed(session, 1_000_001);
  expect(violations).toEqual([]);
  expect(endings.longestMs).toEqual({ calm: 0, engine: 0, store: 0 });
});
