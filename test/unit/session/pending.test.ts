import { beforeEach, expect, test } from 'vitest';
import { PendingConnections } from '../../../src/session/pending.ts';

let nowMs = 0;
let closed: string[] = [];
let pending: PendingConnections;
let limits = { max: 4, maxPerAddress: 2 };

beforeEach(() => {
  nowMs = 0;
  closed = [];
  limits = { max: 4, maxPerAddress: 2 };
  const clock = {
    now: () => new Date(),
    monotonicMs: () => nowMs,
    after: () => ({ cancel: () => undefined }),
  };
  pending = new PendingConnections(() => limits, clock);
});

/** @returns the place, or null */
function take(name: string, address: string | null): ReturnType<PendingConnections['take']> {
  const place = pending.take(address);
  place?.whenEvicted(() => closed.push(name));
  return place;
}

test('a burst of young connections is limited, in all and from one address', () => {
  expect(['a', 'b', 'c'].map((name) => take(name, '192.0.2.1') !== null)).toEqual([true, true, false]);
  expect(['d', 'e'].map((name) => take(name, '192.0.2.2') !== null)).toEqual([true, true]);
  expect(take('f', '192.0.2.3')).toBeNull();
  expect(closed).toEqual([]);
});

test('those who only hold a place lose it to those who come: the oldest first', () => {
  take('old', '192.0.2.1');
  nowMs = 500;
  take('newer', '192.0.2.1');
  nowMs = 1000;
  expect(take('third', '192.0.2.1')).not.toBeNull();
  expect(closed).toEqual(['old']);
  expect(take('fourth', '192.0.2.1')).toBeNull();
  nowMs = 1500;
  expect(take('fifth', '192.0.2.1')).not.toBeNull();
  expect(closed).toEqual(['old', 'newer']);
});

test('one address does not cost another its place while there is room', () => {
  take('quiet', '192.0.2.9');
  for (let second = 1; second <= 10; second++) {
    nowMs = second * 1000;
    take(`flood ${second}`, '192.0.2.1');
  }
  expect(closed).not.toContain('quiet');
  expect(pending.total).toBe(3);
});

test('who has logged in holds no place and is not closed', () => {
  const place = take('in', '192.0.2.1');
  place?.settled();
  place?.settled();
  expect(pending.total).toBe(0);
  for (const name of ['a', 'b']) take(name, '192.0.2.1');
  nowMs = 2000;
  take('c', '192.0.2.1');
  expect(closed).toEqual(['a']);
});

test('in a flood from a few addresses, one that comes from elsewhere finds a place', () => {
  limits = { max: 12, maxPerAddress: 6 };
  for (let n = 0; n < 40; n++) take(`flood ${n}`, `192.0.2.${n % 2}`);
  expect(pending.total).toBe(12);
  expect(closed).toEqual([]);
  expect(take('good', '198.51.100.1')).not.toBeNull();
  expect(closed).toEqual(['flood 0']);
  expect(pending.total).toBe(12);
});

test('an IPv6 client cannot be many by hopping about in its /64', () => {
  limits = { max: 12, maxPerAddress: 6 };
  for (let n = 0; n < 40; n++) take(`flood ${n}`, `2001:db8:1:2::${n.toString(16)}`);
  expect(pending.total).toBe(6);
  for (let n = 0; n < 40; n++) pending.take(null)?.comesFrom(`2001:db8:1:2:ffff::${n.toString(16)}`);
  expect(pending.total).toBe(6);
  expect(take('another network', '2001:db8:1:3::1')).not.toBeNull();
});

test('behind a balancer, the clients that it speaks for are counted, and it is not', () => {
  limits = { max: 6, maxPerAddress: 2 };
  const places = ['a', 'b', 'c', 'd'].map((name) => take(name, null));
  for (const place of places.slice(0, 3)) place?.comesFrom('192.0.2.1');
  expect(closed).toEqual(['c']);
  places[3]?.comesFrom('192.0.2.2');
  expect(closed).toEqual(['c']);
  expect(pending.total).toBe(3);
  expect(take('direct', '192.0.2.1')).toBeNull();
  places[2]?.comesFrom('192.0.2.2');
  places[0]?.settled();
  expect(take('another', '192.0.2.1')).not.toBeNull();
});

test('one of a client that was told of makes room for another, when it is old', () => {
  for (const name of ['a', 'b', 'c']) {
    nowMs += 600;
    take(name, null)?.comesFrom('192.0.2.1');
  }
  expect(closed).toEqual(['a']);
});

test('a balancer is under the limit in all, and what it sends takes from those who hold most', () => {
  for (const name of ['a', 'b', 'c', 'd']) take(name, null);
  expect(take('e', null)).toBeNull();
  nowMs = 1000;
  expect(take('f', null)).not.toBeNull();
  expect(closed).toEqual(['a']);
  limits = { max: 12, maxPerAddress: 12 };
  for (let n = 0; n < 8; n++) take(`flood ${n}`, null)?.comesFrom('192.0.2.1');
  nowMs = 1999;
  closed = [];
  for (const name of ['g', 'h', 'i', 'j']) expect(take(name, null)).not.toBeNull();
  expect(closed).toEqual(['b', 'c', 'd', 'flood 0']);
});
