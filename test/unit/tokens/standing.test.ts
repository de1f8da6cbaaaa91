import { describe, expect, it } from 'vitest';
import { endOf, tokenStanding, type StandingFacts } from '../../../src/tokens/standing.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const BEFORE = new Date(NOW.getTime() - 1);
const AFTER = new Date(NOW.getTime() + 1);

interface Case {
  readonly token?: Partial<StandingFacts['token']>;
  readonly account?: Partial<StandingFacts['account']>;
  readonly tokensEnabled?: boolean;
}

function standing({ token, account, tokensEnabled }: Case): string {
  return tokenStanding(
    {
      token: { revokedAt: null, retiresAt: null, expiresAt: null, ...token },
      account: { disabled: false, mayUseTokens: true, ...account },
      tokensEnabled: tokensEnabled ?? true,
    },
    NOW,
  );
}

const DEAD_ALL_WAYS: Required<Case> = {
  token: { revokedAt: BEFORE, expiresAt: BEFORE },
  account: { disabled: true, mayUseTokens: false },
  tokensEnabled: false,
};

describe('tokenStanding', () => {
  it.each<[string, Case, string]>([
    ['nothing against it', {}, 'live'],
    ['not yet expired', { token: { expiresAt: AFTER } }, 'live'],
    ['still in the overlap', { token: { retiresAt: AFTER } }, 'live'],
    ['expires now', { token: { expiresAt: NOW } }, 'expired'],
    ['overlap ends now', { token: { retiresAt: NOW } }, 'revoked'],
    ['revoked at a time that a slow clock takes for the future', { token: { revokedAt: AFTER } }, 'revoked'],
    ['disabled', { account: { disabled: true } }, 'owner_disabled'],
    ['may not', { account: { mayUseTokens: false } }, 'no_privilege'],
    ['off', { tokensEnabled: false }, 'tokens_off'],
  ])('%s', (_name, facts, expected) => {
    expect(standing(facts)).toBe(expected);
  });

  it('tells the first reason that holds', () => {
    const { token, account } = DEAD_ALL_WAYS;
    const order = [
      DEAD_ALL_WAYS,
      { ...DEAD_ALL_WAYS, token: { ...token, revokedAt: null } },
      { ...DEAD_ALL_WAYS, token: {} },
      { ...DEAD_ALL_WAYS, token: {}, account: { ...account, disabled: false } },
      { tokensEnabled: false },
      {},
    ];
    expect(order.map(standing)).toEqual([
      'revoked',
      'expired',
      'owner_disabled',
      'no_privilege',
      'tokens_off',
      'live',
    ]);
  });
});

describe('endOf', () => {
  it.each<[Date | null, Date | null, Date | null]>([
    [null, null, null],
    [BEFORE, null, BEFORE],
    [null, AFTER, AFTER],
    [BEFORE, AFTER, BEFORE],
    [AFTER, BEFORE, BEFORE],
  ])('retires %s, expires %s', (retiresAt, expiresAt, expected) => {
    expect(endOf({ retiresAt, expiresAt })).toBe(expected);
  });
});
