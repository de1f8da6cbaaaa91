import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserView } from '../../../src/accounts/views.ts';
import { pageStatement } from '../../../src/tokens/list.ts';
import type { ListQuery, TokenSort, TokenView } from '../../../src/tokens/views.ts';
import { insertManyTokens } from '../../support/rows.ts';
import {
  actorOf,
  addUser,
  codeOf,
  createServices,
  issueTo,
  ROOT,
  type TestServices,
} from '../../support/services.ts';

let services: TestServices;
beforeAll(async () => {
  services = await createServices('list');
});
afterAll(() => services.drop());

const labels = async (query: ListQuery, actor = ROOT): Promise<string[]> =>
  (await services.tokens.list(actor, query)).items.map(({ label }) => label);

/** All pages, one after the other. */
async function walk(query: ListQuery, between?: (page: number) => Promise<unknown>): Promise<TokenView[]> {
  const all: TokenView[] = [];
  let cursor: string | null = null;
  for (let page = 0; ; page += 1) {
    const answer = await services.tokens.list(ROOT, { ...query, cursor });
    all.push(...answer.items);
    if (answer.nextCursor === null) return all;
    cursor = answer.nextCursor;
    await between?.(page);
  }
}

describe('what a list shows', () => {
  let [ada, bob]: UserView[] = [];
  beforeAll(async () => {
    [ada, bob] = [await addUser(services, { name: 'ada' }), await addUser(services, { name: 'bob%_' })];
    await issueTo(services, ada, { label: 'live', description: 'Nightly 100%' });
    await issueTo(services, ada, { label: 'expired', lifetime: { ms: 1 } });
    const revoked = await issueTo(services, ada, { label: 'revoked' });
    await services.tokens.revoke(ROOT, revoked.info.tid);
    await services.tokens.issue(actorOf(bob), { label: 'bobs', lifetime: { ms: 3_600_000 } });
    const rotated = await issueTo(services, bob, { label: 'rotated' });
    await services.tokens.rotate(ROOT, rotated.info.tid, { overlapMs: 60_000, lifetime: { ms: 1_000_000 } });
  });

  it('is one’s own, or everyone’s with manage_all', async () => {
    const [owner, other] = [ada, bob];
    if (owner === undefined || other === undefined) throw new Error('no users');
    expect(await labels({}, actorOf(owner))).toEqual(['revoked', 'expired', 'live']);
    expect(await labels({ owner: owner.uid }, actorOf(owner))).toHaveLength(3);
    expect(await codeOf(labels({ owner: other.uid }, actorOf(owner)))).toBe('request.forbidden');
    expect(await labels({})).toHaveLength(6);
    expect(await labels({ owner: other.uid })).toEqual(['rotated', 'rotated', 'bobs']);
    expect(await labels({ createdBy: other.uid })).toEqual(['bobs']);
    expect(await codeOf(labels({}, { ...ROOT, privileges: new Set(['can_use'] as const) }))).toBe(
      'request.forbidden',
    );
    expect(await labels({ owner: randomUUID() })).toEqual([]);
  });

  it.each<[string, ListQuery, string[]]>([
    ['live', { states: ['live'] }, ['bobs', 'live', 'rotated', 'rotated']],
    ['expired', { states: ['expired'] }, ['expired']],
    ['revoked', { states: ['revoked'] }, ['revoked']],
    ['both', { states: ['revoked', 'expired'] }, ['expired', 'revoked']],
    ['nothing', { states: [] }, []],
    ['part of a label', { search: 'VOK' }, ['revoked']],
    ['part of a description, with a wildcard’s character', { search: '100%' }, ['live']],
    ['an owner, with wildcards’ characters', { search: 'b%_' }, ['bobs', 'rotated', 'rotated']],
    ['a backslash', { search: '\\' }, []],
    ['a NUL', { search: '\0' }, ['bobs', 'expired', 'live', 'revoked', 'rotated', 'rotated']],
    [
      'the beginning of a secret',
      { search: 'pat_' },
      ['bobs', 'expired', 'live', 'revoked', 'rotated', 'rotated'],
    ],
    ['an injection', { search: "' or true --" }, []],
    ['expiring soon', { quick: 'expiring_soon' }, ['bobs', 'rotated']],
    ['never expiring', { quick: 'no_expiry' }, []],
    ['unused for long', { quick: 'unused' }, []],
    ['of inactive owners', { quick: 'inactive_owners' }, []],
    ['made since tomorrow', { createdFrom: new Date(Date.now() + 86_400_000) }, []],
    ['used at all', { lastUsedFrom: new Date(0) }, []],
    ['expired before long', { expiresBefore: new Date(Date.now() + 600_000) }, ['expired']],
  ])('filter: %s', async (_name, query, expected) => {
    expect((await labels(query)).toSorted()).toEqual(expected);
    expect(await services.tokens.count(ROOT, query)).toBe(expected.length);
  });

  it('lists those of given ids', async () => {
    const [first] = (await services.tokens.list(ROOT, { search: 'live' })).items;
    expect(await labels({ tids: [first?.tid ?? '', randomUUID()] })).toEqual(['live']);
    expect(await labels({ tids: [] })).toEqual([]);
    expect(await codeOf(labels({ tids: ['1'] }))).toBe('request.invalid');
  });

  it('follows what changes, without a row being written', async () => {
    const { policy, accounts } = services;
    const states = async () =>
      (await services.tokens.list(ROOT, { search: 'live' })).items.map((token) => token.state);
    const counts = async (query: ListQuery = {}) => {
      const byState = Object.entries(await services.tokens.countByState(ROOT, query));
      return Object.fromEntries(byState.filter(([, count]) => count > 0));
    };
    await policy.set(ROOT, { tokensEnabled: false });
    expect(await states()).toEqual(['tokens_off']);
    expect(await labels({ states: ['tokens_off'] })).toHaveLength(4);
    expect(await counts()).toEqual({ tokens_off: 4, expired: 1, revoked: 1 });
    await accounts.ungrant(ROOT, 'can_use', { kind: 'everyone' });
    expect(await states()).toEqual(['no_privilege']);
    expect(await labels({ states: ['no_privilege'] })).toHaveLength(4);
    expect(await counts()).toEqual({ no_privilege: 4, expired: 1, revoked: 1 });
    await accounts.disableUser(ROOT, ada?.uid ?? '');
    expect(await states()).toEqual(['owner_disabled']);
    expect(await labels({ states: ['owner_disabled'] })).toEqual(['live']);
    expect(await counts()).toEqual({ owner_disabled: 1, no_privilege: 3, expired: 1, revoked: 1 });
    expect(await labels({ quick: 'inactive_owners' })).toEqual(['live']);
    await accounts.enableUser(ROOT, ada?.uid ?? '');
    await accounts.grant(ROOT, 'can_use', { kind: 'everyone' });
    await policy.set(ROOT, { tokensEnabled: true });
    expect(await states()).toEqual(['live']);
    expect(await counts()).toEqual({ live: 4, expired: 1, revoked: 1 });
    expect(await counts({ search: 'VOK', states: ['live'] })).toEqual({ revoked: 1 });
  });

  it.each<[string, ListQuery]>([
    ['no limit', { limit: 0 }],
    ['too much', { limit: 1001 }],
    ['half a row', { limit: 1.5 }],
    ['a negative offset', { offset: -1 }],
    ['a far offset', { offset: 100_001 }],
    ['a made-up cursor', { cursor: 'x' }],
    [
      'a cursor with a NUL',
      {
        sort: 'label',
        direction: 'asc',
        cursor: Buffer.from(
          JSON.stringify({ sort: 'label', direction: 'asc', key: '\0', tid: randomUUID() }),
        ).toString('base64url'),
      },
    ],
    [
      'a cursor at a time that PostgreSQL does not have',
      {
        cursor: Buffer.from(
          JSON.stringify({
            sort: 'createdAt',
            direction: 'desc',
            key: '0000-01-01T00:00:00Z',
            tid: randomUUID(),
          }),
        ).toString('base64url'),
      },
    ],
    ['a cursor with other contents', { cursor: Buffer.from('{"sort":"createdAt"}').toString('base64url') }],
    ['no uid', { owner: 'ada' }],
    ['no uid of a creator', { createdBy: "' or true" }],
  ])('refuses %s', async (_name, query) => {
    expect(await codeOf(services.tokens.list(ROOT, query))).toBe('request.invalid');
  });

  it('refuses the cursor of another order', async () => {
    const { nextCursor } = await services.tokens.list(ROOT, { limit: 1 });
    for (const query of [{ sort: 'label' }, { direction: 'asc' }] as const) {
      expect(await codeOf(services.tokens.list(ROOT, { ...query, limit: 1, cursor: nextCursor }))).toBe(
        'request.invalid',
      );
    }
  });
});

describe('at 20,000 tokens', () => {
  const SORTS: readonly TokenSort[] = ['createdAt', 'expiresAt', 'lastUsedAt', 'label', 'owner'];
  beforeAll(() => insertManyTokens(services.test.store, 200, 100));

  it.each(SORTS.flatMap((sort) => (['asc', 'desc'] as const).map((direction) => ({ sort, direction }))))(
    'pages by $sort $direction give each token once, in order',
    async ({ sort, direction }) => {
      const tokens = await walk({ sort, direction, limit: 1000, search: 'bulk', states: ['live'] });
      expect(tokens).toHaveLength(await services.tokens.count(ROOT, { search: 'bulk', states: ['live'] }));
      expect(new Set(tokens.map(({ tid }) => tid)).size).toBe(tokens.length);
      const keys = tokens.map((token) => keyOf(token, sort));
      const sorted = keys.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      expect(keys).toEqual(direction === 'asc' ? sorted : sorted.toReversed());
    },
  );

  it('pages stay as they are while tokens come and go', async () => {
    const owners = await services.accounts.listUsers(ROOT, { search: 'bulk', limit: 200 });
    const [first] = owners.items;
    if (first === undefined) throw new Error('no user');
    await services.policy.set(ROOT, { maxLiveTokensPerUser: 128 });
    const before = await walk({ owner: first.uid, limit: 7 });
    const seen = await walk({ owner: first.uid, limit: 7 }, async (page) => {
      if (page > 3) return;
      await issueTo(services, first, { label: `new ${page}` });
      await services.tokens.revoke(ROOT, before[page]?.tid ?? '').catch(() => undefined);
    });
    expect(seen.map(({ tid }) => tid)).toEqual(before.map(({ tid }) => tid));
  });

  it.each<[string, ListQuery]>([
    ['everyone’s, newest first', {}],
    ['by expiry', { sort: 'expiresAt', direction: 'asc' }],
    ['by last use', { sort: 'lastUsedAt' }],
    ['by label', { sort: 'label', direction: 'asc' }],
    ['live ones', { states: ['live'] }],
    ['far into the list', { cursor: 'middle' }],
  ])('a page is read by an index, not by sorting all: %s', async (_name, query) => {
    const cursor = query.cursor === undefined ? {} : { cursor: await middle() };
    const { sql: text, parameters } = pageStatement(
      ROOT,
      { ...query, ...cursor, limit: 100 },
      new Date(),
    ).compile(services.test.store.db);
    const client = await services.test.store.connect();
    const plan = await client.query<string[]>({
      text: `explain ${text}`,
      values: [...parameters],
      rowMode: 'array',
    });
    await client.end();
    const lines = plan.rows.flat().join('\n');
    expect(lines).toMatch(/Index Scan (?:Backward )?using tokens_\w+ on tokens t/);
    expect(lines).not.toMatch(/Seq Scan on tokens/);
  });

  async function middle(): Promise<string> {
    const { nextCursor } = await services.tokens.list(ROOT, { limit: 1, offset: 10_000 });
    if (nextCursor === null) throw new Error('no middle');
    return nextCursor;
  }
});

function keyOf(token: TokenView, sort: TokenSort): string | number {
  switch (sort) {
    case 'createdAt':
      return token.createdAt.getTime();
    case 'expiresAt':
      return token.expiresAt?.getTime() ?? Infinity;
    case 'lastUsedAt':
      return token.lastUsedAt?.getTime() ?? -Infinity;
    case 'label':
      return token.label;
    case 'owner':
      return token.owner;
  }
}
