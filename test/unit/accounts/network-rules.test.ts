import { describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/accounts/actor.ts';
import { commandLineActor, systemActor } from '../../../src/accounts/actor.ts';
import {
  barringRule,
  checkNetworks,
  demandOwnAddress,
  type NetworkLists,
} from '../../../src/accounts/network-rules.ts';
import type { RequestError } from '../../../src/core/errors.ts';
import { NetworkList } from '../../../src/core/networks.ts';

const NONE: NetworkLists = { policy: null, user: null, token: null };
const TEN = ['10.0.0.0/8'];
const DOC_6 = ['2001:db8::/32'];

describe('the rule that bars an address', () => {
  it.each<[string, string, NetworkLists, string | null]>([
    ['is none where there is no list', '192.0.2.1', NONE, null],
    ['is none where there is no list and no address', '', NONE, null],
    ['is none when all have it', '10.1.2.3', { policy: TEN, user: TEN, token: TEN }, null],
    ['is the policy’s first', '192.0.2.1', { policy: TEN, user: TEN, token: TEN }, 'policy'],
    ['is the user’s before the token’s', '192.0.2.1', { policy: null, user: TEN, token: TEN }, 'user'],
    [
      'is the token’s when others have it',
      '192.0.2.1',
      { policy: ['192.0.2.0/24'], user: null, token: TEN },
      'token',
    ],
    ['takes mapped IPv4 for IPv4', '::ffff:10.1.2.3', { ...NONE, user: TEN }, null],
    ['takes mapped IPv4 for IPv4, also in hexadecimal', '::ffff:a01:203', { ...NONE, user: TEN }, null],
    ['does not take IPv4 for any IPv6', '10.1.2.3', { ...NONE, user: ['::/0'] }, 'user'],
    ['does not take IPv6 for any IPv4', '2001:db8::1', { ...NONE, user: ['0.0.0.0/0'] }, 'user'],
    ['knows IPv6', '2001:DB8:0:0::1', { ...NONE, policy: DOC_6 }, null],
    ['looks past a zone', 'fe80::1%eth0', { ...NONE, policy: ['fe80::/10'] }, null],
    ['sees the edge of a network', '10.255.255.255', { ...NONE, policy: TEN }, null],
    ['sees beyond the edge of a network', '11.0.0.0', { ...NONE, policy: TEN }, 'policy'],
    ['is met by what is no address', 'localhost', { ...NONE, policy: ['0.0.0.0/0', '::/0'] }, 'policy'],
    ['is met by an address that is not known', '', { ...NONE, user: ['0.0.0.0/0', '::/0'] }, 'user'],
  ])('%s', (_what, address, lists, expected) => {
    expect(barringRule(address, lists)).toBe(expected);
    const ready = Object.entries(lists).map(([rule, list]) => [
      rule,
      list === null ? null : new NetworkList(list as string[]),
    ]);
    expect(barringRule(address, Object.fromEntries(ready) as NetworkLists)).toBe(expected);
  });
});

describe('networks as they are kept', () => {
  it.each<[string, readonly string[] | null, readonly string[] | null]>([
    ['none', null, null],
    ['an empty list is no rule', [], null],
    ['addresses are networks of one', ['192.0.2.7', '2001:DB8::1'], ['192.0.2.7/32', '2001:db8::1/128']],
    ['each once', ['10.0.0.0/8', ' 10.0.0.0/8'], ['10.0.0.0/8']],
    ['mapped IPv4 is IPv4', ['::ffff:10.0.0.0/104', '::FFFF:192.0.2.7'], ['10.0.0.0/8', '192.0.2.7/32']],
    ['wider than the mapped ones is IPv6', ['::ffff:0:0/90'], ['::ffff:0:0/90']],
    ['a zone is none of it', ['fe80::1%eth0/64'], ['fe80::1/64']],
  ])('%s', (_what, given, kept) => {
    expect(checkNetworks(given)).toEqual(kept);
  });

  it.each([
    ['a name', ['office']],
    ['a mask that is too long', ['10.0.0.0/33']],
    ['an empty entry', ['']],
    ['more than a hundred', Array.from({ length: 101 }, (_, index) => `10.0.0.${index}`)],
  ])('%s is refused, naming the field', (_what, given) => {
    expect(() => checkNetworks(given)).toThrow(
      expect.objectContaining({ code: 'request.invalid', field: 'networks' }) as RequestError,
    );
  });
});

describe('who changes a rule', () => {
  const root: Actor = { ...systemActor('root'), uid: 'a', via: 'session', address: '192.0.2.1' };
  it.each<[string, Actor, readonly string[] | null, boolean]>([
    ['may take it away', root, null, true],
    ['may have their own network in it', root, ['192.0.2.0/24'], true],
    ['may not be out of it', root, TEN, false],
    ['may not be out of it, at an address that is not known', { ...root, address: null }, TEN, false],
    ['may, on the command line', commandLineActor('ops'), TEN, true],
    ['may, as the gateway itself', systemActor('bootstrap'), TEN, true],
  ])('%s', (_what, actor, networks, passes) => {
    const demand = () => demandOwnAddress(actor, networks);
    if (passes) expect(demand).not.toThrow();
    else expect(demand).toThrow(expect.objectContaining({ code: 'request.locks_out' }) as RequestError);
  });
});
