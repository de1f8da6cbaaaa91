import { describe, expect, it } from 'vitest';
import {
  checkLimits,
  demandNoWider,
  narrow,
  type Limits,
  type LimitsRequest,
} from '../../../src/tokens/limits.ts';

const NONE: Limits = { role: null, databases: null, networks: null, maxSessions: null, scopes: [] };

describe('checkLimits', () => {
  it('brings limits into one form', () => {
    expect(
      checkLimits({
        role: 'reader',
        databases: ['b', 'a', 'b'],
        networks: ['10.1.2.3', ' 2001:DB8::/32 '],
        maxSessions: 2,
        scopes: ['tokens', 'tokens'],
      }),
    ).toEqual({
      role: 'reader',
      databases: ['b', 'a'],
      networks: ['10.1.2.3/32', '2001:db8::/32'],
      maxSessions: 2,
      scopes: ['tokens'],
    });
    expect(checkLimits({})).toEqual(NONE);
  });

  it.each<[string, LimitsRequest | Record<string, unknown>]>([
    ['an empty role', { role: '' }],
    ['a role that PostgreSQL would cut', { role: 'é'.repeat(32) }],
    ['a NUL', { databases: ['a\0b'] }],
    ['an empty list', { databases: [] }],
    ['an endless list', { databases: Array.from({ length: 101 }, (_, i) => `d${i}`) }],
    ['no network', { networks: ['10.0.0.0/33'] }],
    ['a host name', { networks: ['localhost'] }],
    ['an empty list of networks', { networks: [] }],
    ['no sessions', { maxSessions: 0 }],
    ['half a session', { maxSessions: 1.5 }],
    ['a made-up scope', { scopes: ['root'] }],
  ])('refuses %s', (_name, request) => {
    expect(() => checkLimits(request as LimitsRequest)).toThrow(
      expect.objectContaining({ code: 'request.invalid' }),
    );
  });
});

describe('a token that is made by way of another', () => {
  const parent: Limits = {
    role: 'reader',
    databases: ['a', 'b'],
    networks: ['10.0.0.0/8', '2001:db8::/32'],
    maxSessions: 3,
    scopes: ['tokens'],
  };

  it('takes over what it does not ask for, but no scope', () => {
    expect(narrow(NONE, parent)).toEqual({ ...parent, scopes: [] });
    expect(narrow(NONE, NONE)).toEqual(NONE);
  });

  it('may be narrower', () => {
    const narrower = {
      role: 'reader',
      databases: ['b'],
      networks: ['10.1.0.0/16', '2001:db8::1/128'],
      maxSessions: 1,
      scopes: ['tokens'],
    };
    expect(narrow(narrower, parent)).toEqual(narrower);
    expect(narrow(narrower, NONE_BUT_SCOPES)).toEqual(narrower);
  });

  it.each<[string, Partial<Limits>]>([
    ['another role', { role: 'owner' }],
    ['another database', { databases: ['a', 'c'] }],
    ['a wider network', { networks: ['10.0.0.0/7'] }],
    ['another network', { networks: ['10.0.0.0/8', '192.168.0.0/16'] }],
    ['everywhere', { networks: ['0.0.0.0/0'] }],
    ['an IPv4 network of an IPv6 one', { networks: ['::ffff:10.0.0.1/128'] }],
    ['more sessions', { maxSessions: 4 }],
    ['another scope', { scopes: ['tokens', 'accounts'] }],
  ])('must not ask for %s', (_name, wider) => {
    expect(() => narrow({ ...NONE, ...wider }, parent)).toThrow(
      expect.objectContaining({ code: 'request.forbidden' }),
    );
  });

  it.each<keyof Limits>(['role', 'databases', 'networks', 'maxSessions'])(
    'is wider when it has no limit on %s',
    (key) => {
      expect(() => demandNoWider({ ...parent, [key]: null }, parent)).toThrow(
        expect.objectContaining({ code: 'request.forbidden' }),
      );
      expect(() => demandNoWider(parent, parent)).not.toThrow();
    },
  );
});

const NONE_BUT_SCOPES: Limits = { ...NONE, scopes: ['tokens'] };
