import { expect, test } from 'vitest';

import { tripsEach } from '../../../bench/soak/pace.ts';

const MILLION = { logins: 1_000_000, trips: 10_000_000 };

test.each([
  ['the ratio of what is wanted, at first', MILLION, { logins: 0, trips: 0 }, 10],
  ['more, when logins are ahead', MILLION, { logins: 600_000, trips: 4_000_000 }, 15],
  ['fewer, when trips are ahead', MILLION, { logins: 400_000, trips: 7_000_000 }, 5],
  ['all that are left, when the logins are there', MILLION, { logins: 1_000_000, trips: 9_999_700 }, 300],
  ['one, when the trips are there', MILLION, { logins: 900_000, trips: 10_000_007 }, 1],
  ['one, when fewer trips than logins are wanted', { logins: 100, trips: 10 }, { logins: 0, trips: 0 }, 1],
  ['as usual, where only logins are wanted', { logins: 100, trips: Infinity }, { logins: 50, trips: 1 }, 10],
  ['as usual, where only trips are wanted', { logins: Infinity, trips: 9 }, { logins: 50, trips: 1 }, 10],
])('a session makes %s', (_, wanted, done, each) => {
  expect(tripsEach(wanted, done)).toBe(each);
});

/** As visitors do it, with sessions that break off and others that are there for long. */
test('logins and trips are there at the same time', () => {
  const wanted = { logins: 10_000, trips: 100_000 };
  const done = { logins: 0, trips: 0 };
  while (done.logins < wanted.logins && done.trips < wanted.trips) {
    done.logins += 1;
    if (done.logins % 3 !== 0) done.trips += tripsEach(wanted, done);
    if (done.logins % 5 === 0) done.trips += 2;
  }
  expect(done.logins / wanted.logins).toBeGreaterThan(0.99);
  expect(done.trips / wanted.trips).toBeGreaterThan(0.99);
});
