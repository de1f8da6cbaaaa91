import { describe, expect, test } from 'vitest';

import { Happenings, type Part } from '../../../bench/soak/happenings.ts';
import { judgeAdmission, judgeRefusal, refusalOf, type Attempt } from '../../../bench/soak/refusals.ts';
import { Right } from '../../../bench/soak/right.ts';

const STORE_AWAY =
  'SFATAL VFATAL C57P03 Mlogins are unavailable: the token store cannot be reached at the moment  ';
const ENGINE_AWAY = 'SFATAL VFATAL C57P03 Mthe engine "default" is not available at the moment  ';
const WRONG_SECRET = 'SFATAL VFATAL C28P01 Mpassword authentication failed for user "ann"  ';
const ENDED = 'SFATAL VFATAL C57P01 Mterminating connection due to administrator command  ';
const REVOKED = 'SFATAL VFATAL C57P01 Mterminating connection: the token was revoked  ';
const TOO_MANY = 'SFATAL VFATAL C53300 Msorry, too many clients already  ';
const DEFECT = 'SFATAL VFATAL CXX000 Minternal error in the gateway  ';
const CLOSED = 'the connection was closed';

const attempt = (more: Partial<Attempt> = {}): Attempt => ({
  user: 'ann',
  isWrong: false,
  rights: [],
  fromMs: 10_000,
  toMs: 10_100,
  ...more,
});

/** @param part of what was broken from second 3 to 4 */
const broken = (part: Part | null, [fromMs, toMs] = [3000, 4000] as readonly [number, number]) => {
  const happenings = new Happenings();
  happenings.end(happenings.begin('a fault', part, fromMs), toMs);
  return happenings;
};
const during = (fromMs: number, toMs: number) => attempt({ fromMs, toMs });

/** Taken away from second 3 to 5, or to the end; the answers came 100 ms after the questions. */
const taken = ({ backMs = Infinity } = {}): Right => {
  const right = new Right();
  right.taking(3000);
  right.taken(3100);
  if (backMs !== Infinity) {
    right.giving(backMs);
    right.given(backMs + 100);
  }
  return right;
};

describe('a refusal is right', () => {
  test.each<[string, Attempt, string, Happenings]>([
    ['of a wrong secret', attempt({ isWrong: true }), WRONG_SECRET, new Happenings()],
    ['of a revoked token', attempt({ rights: [taken()] }), WRONG_SECRET, new Happenings()],
    [
      'of a token whose revocation was asked for in the meantime',
      attempt({ rights: [taken()], fromMs: 2950, toMs: 3050 }),
      WRONG_SECRET,
      new Happenings(),
    ],
    [
      'of a user who was just being enabled',
      attempt({ rights: [new Right(), taken({ backMs: 5000 })], fromMs: 5050, toMs: 5200 }),
      WRONG_SECRET,
      new Happenings(),
    ],
    ['while the store is away', during(3500, 3600), STORE_AWAY, broken('store')],
    ['right after that', during(5500, 5600), STORE_AWAY, broken('store')],
    ['that waited for the store to go', during(2000, 3001), STORE_AWAY, broken('store')],
    ['while the engine is away', during(3500, 3600), ENGINE_AWAY, broken('engine')],
    ['by the engine, of a session that was ended', during(3500, 3600), ENDED, broken('an engine session')],
    [
      'when its engine session was ended too soon',
      during(3500, 3600),
      ENGINE_AWAY,
      broken('an engine session'),
    ],
  ])('%s', (_, login, heard, happenings) => {
    expect(judgeRefusal(login, refusalOf(heard), happenings)).toBe(null);
  });
});

describe('a refusal is wrong', () => {
  test.each<[string, Attempt, string, Happenings, RegExp]>([
    [
      'of a good secret',
      attempt(),
      WRONG_SECRET,
      broken('store'),
      /good: 28P01 password auth.*failed for user "ann"/,
    ],
    [
      'of a token that is revoked later',
      attempt({ rights: [taken()], fromMs: 2800, toMs: 2900 }),
      WRONG_SECRET,
      new Happenings(),
      /its secret was good/,
    ],
    [
      'of a user who was enabled again',
      attempt({ rights: [taken({ backMs: 5000 })], fromMs: 5200 }),
      WRONG_SECRET,
      new Happenings(),
      /its secret was good/,
    ],
    [
      'in the name of another',
      attempt({ user: 'bob', isWrong: true }),
      WRONG_SECRET,
      new Happenings(),
      /other words/,
    ],
    [
      'long after the store was away',
      during(6100, 6200),
      STORE_AWAY,
      broken('store'),
      /the store was there: 57P03/,
    ],
    ['before the store was away', during(2000, 2900), STORE_AWAY, broken('store'), /the store was there/],
    [
      'for the store while the engine is away',
      during(3500, 3600),
      STORE_AWAY,
      broken('engine'),
      /store was there/,
    ],
    [
      'for the engine while the store is away',
      during(3500, 3600),
      ENGINE_AWAY,
      broken('store'),
      /engine was there/,
    ],
    [
      'for a fault that takes nothing away',
      during(3500, 3600),
      ENGINE_AWAY,
      broken(null),
      /engine was there/,
    ],
    [
      'as ended while nothing was',
      during(3500, 3600),
      ENDED,
      broken('engine'),
      /nobody ended its session: 57P01/,
    ],
    [
      'as ended for another reason',
      during(3500, 3600),
      REVOKED,
      broken('an engine session'),
      /promised: 57P01/,
    ],
    [
      'for the store, by a session’s end',
      during(3500, 3600),
      STORE_AWAY,
      broken('an engine session'),
      /store was there/,
    ],
    ['for want of room', during(3500, 3600), TOO_MANY, broken('store'), /nobody was promised: 53300 sorry/],
    ['by a defect', during(3500, 3600), DEFECT, broken('store'), /nobody was promised: XX000 internal error/],
    ['by a defect, of a wrong secret', attempt({ isWrong: true }), DEFECT, new Happenings(), /XX000/],
    ['without a word', during(3500, 3600), CLOSED, broken('store'), /without an answer/],
  ])('%s', (_, login, heard, happenings, why) => {
    expect(judgeRefusal(login, refusalOf(heard), happenings)).toMatch(why);
  });
});

test.each<[string, Attempt, boolean]>([
  ['with a good secret', attempt({ rights: [new Right()] }), true],
  ['with a wrong secret', attempt({ isWrong: true }), false],
  ['by a token that was revoked', attempt({ rights: [taken()] }), false],
  ['by a token that is revoked in the meantime', attempt({ rights: [taken()], fromMs: 3050 }), true],
  ['of a user who is disabled', attempt({ rights: [taken({ backMs: 20_000 })] }), false],
  ['of a user who is being enabled', attempt({ rights: [taken({ backMs: 10_050 })] }), true],
])('whether a login may succeed %s', (_, login, mayBe) => {
  expect(judgeAdmission(login) === null).toBe(mayBe);
});
