import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../src/core/duration.ts';
import { isWellFormed } from '../../../src/tokens/format.ts';
import { startWorld, type World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld('dremiocloud');
});
afterAll(() => world.close());

interface Listed {
  readonly data: readonly { label: string; createdAt: number; expiresAt: number; tid: string; uid: string }[];
}

async function listed(uid: string, as: string): Promise<Listed['data']> {
  const answer = await world.call('GET', `/v0/user/${uid}/token`, { as });
  expect(answer.status).toBe(200);
  return (answer.json() as Listed).data;
}

describe('Dremio Cloud tokens', () => {
  it('are created as bare text, listed with times in milliseconds, and deleted', async () => {
    const ada = await world.person('ada');
    const path = `/v0/user/${ada.uid}/token`;
    const before = Date.now();
    const created = await world.call('POST', path, {
      as: ada.session,
      body: { label: 'laptop', millisecondsToExpire: DAY_MS },
    });
    expect(created.status).toBe(200);
    expect(created.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(isWellFormed(created.text)).toBe(true);

    const [token, ...more] = await listed(ada.uid, created.text);
    expect(more).toEqual([]);
    expect(token).toEqual({
      label: 'laptop',
      createdAt: expect.any(Number) as number,
      expiresAt: (token?.createdAt ?? 0) + DAY_MS,
      tid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      uid: ada.uid,
    });
    expect(token?.createdAt).toBeGreaterThanOrEqual(before);

    const one = `${path}/${token?.tid ?? ''}`;
    const deleted = await world.call('DELETE', one, { as: ada.session });
    expect([deleted.status, deleted.text]).toEqual([204, '']);
    expect(await listed(ada.uid, ada.session)).toEqual([]);
    expect((await world.call('DELETE', one, { as: ada.session })).status).toBe(404);
    expect((await world.call('GET', path, { as: created.text })).status).toBe(401);
  });

  it('take a numeric string, or the default of 30 days', async () => {
    const ada = await world.person('ada');
    const path = `/v0/user/${ada.uid}/token`;
    for (const body of [{ label: 'text', millisecondsToExpire: '3600000' }, { label: 'default' }]) {
      expect((await world.call('POST', path, { as: ada.session, body })).status).toBe(200);
    }
    const lifetimes = (await listed(ada.uid, ada.session)).map(
      ({ label, createdAt, expiresAt }) => [label, expiresAt - createdAt] as const,
    );
    expect(new Map(lifetimes)).toEqual(
      new Map([
        ['text', 3_600_000],
        ['default', 30 * DAY_MS],
      ]),
    );
  });

  it('can all be deleted at once', async () => {
    const ada = await world.person('ada');
    for (const label of ['a', 'b']) await world.issue(ada, { label });
    const all = await world.call('DELETE', `/v0/user/${ada.uid}/token`, { as: ada.session });
    expect([all.status, all.text]).toEqual([204, '']);
    expect(await listed(ada.uid, ada.session)).toEqual([]);
  });

  it('that have expired are listed, revoked ones are not', async () => {
    const ada = await world.person('ada');
    await world.issue(ada, { label: 'expired', lifetime: { ms: 60_000 } });
    await world.issue(ada, { label: 'revoked' }).then(({ tid }) => world.revoke(tid));
    await world.expire(ada.uid);
    await world.issue(ada, { label: 'live' });
    const labels = (await listed(ada.uid, ada.session)).map(({ label }) => label);
    expect(labels.sort()).toEqual(['expired', 'live']);
  });

  describe('refuse', () => {
    const cases: readonly [string, unknown, RegExp][] = [
      ['no label', { millisecondsToExpire: 1000 }, /label/],
      ['an empty label', { label: '', millisecondsToExpire: 1000 }, /label/],
      ['a label of the wrong type', { label: 7 }, /label/],
      ['a lifetime of zero', { label: 'x', millisecondsToExpire: 0 }, /millisecondsToExpire/],
      ['a negative lifetime', { label: 'x', millisecondsToExpire: -5 }, /millisecondsToExpire/],
      ['a broken lifetime', { label: 'x', millisecondsToExpire: 1.5 }, /millisecondsToExpire/],
      ['a lifetime in words', { label: 'x', millisecondsToExpire: 'soon' }, /millisecondsToExpire/],
      ['more than 180 days', { label: 'x', millisecondsToExpire: 15_552_000_001 }, /maximum|180 days/],
      ['a list', [], /expected object/],
      ['no JSON', '{', /JSON/],
    ];
    it.each(cases)('%s', async (_, body, message) => {
      const ada = await world.person('ada');
      const answer = await world.call('POST', `/v0/user/${ada.uid}/token`, { as: ada.session, body });
      expect(answer.status).toBe(400);
      expect(answer.json()).toEqual({
        errorMessage: expect.stringMatching(message) as string,
        moreInfo: '',
        stackTrace: [],
      });
    });
  });

  it('of 180 days exactly are within the policy', async () => {
    const ada = await world.person('ada');
    const body = { label: 'x', millisecondsToExpire: 15_552_000_000 };
    expect((await world.call('POST', `/v0/user/${ada.uid}/token`, { as: ada.session, body })).status).toBe(
      200,
    );
  });

  it('of somebody else are that person’s business, unless one manages all', async () => {
    const [ada, bob, mia] = await Promise.all([
      world.person('ada'),
      world.person('bob'),
      world.person('mia', 'manage_all'),
    ]);
    const { tid } = await world.issue(bob, { label: 'his' });
    const path = `/v0/user/${bob.uid}/token`;
    const body = { label: 'x' };
    const statuses = async (as: string): Promise<number[]> => [
      (await world.call('GET', path, { as })).status,
      (await world.call('POST', path, { as, body })).status,
      (await world.call('DELETE', `${path}/${tid}`, { as })).status,
      (await world.call('DELETE', path, { as })).status,
    ];
    expect(await statuses(ada.session)).toEqual([403, 403, 403, 403]);
    expect(await statuses(mia.session)).toEqual([200, 403, 204, 204]);
  });

  it('are looked for under their owner only', async () => {
    const [ada, mia] = await Promise.all([world.person('ada'), world.person('mia', 'manage_all')]);
    const { tid } = await world.issue(ada, { label: 'hers' });
    const wrong = await world.call('DELETE', `/v0/user/${mia.uid}/token/${tid}`, { as: mia.session });
    expect(wrong.status).toBe(404);
    expect(await listed(ada.uid, ada.session)).toHaveLength(1);
  });

  it.each([
    ['an unknown user', `/v0/user/${randomUUID()}/token`],
    ['a user that is no id', '/v0/user/%00/token'],
    ['an unknown token', `/v0/user/SELF/token/${randomUUID()}`],
    ['a token that is no id', '/v0/user/SELF/token/%27%20or%201=1'],
    ['an unknown path', '/v0/user/SELF/tokens'],
  ])('%s: 404', async (_, path) => {
    const mia = await world.person('mia', 'manage_all');
    const method = path.includes('/token/') ? 'DELETE' : 'GET';
    const answer = await world.call(method, path.replace('SELF', mia.uid), { as: mia.session });
    expect(answer.status).toBe(404);
    expect(answer.json()).toMatchObject({ stackTrace: [] });
  });

  it.each([
    ['no credential', {}],
    ['another scheme', { authorization: 'Digest x' }],
    ['nonsense', { authorization: 'Bearer nonsense' }],
    ['a well-formed token that was never issued', 'unknown' as const],
  ])('%s: 401 without a body', async (_, headers) => {
    const sent = headers === 'unknown' ? { authorization: `Bearer ${world.unknownToken()}` } : headers;
    const answer = await world.call('GET', `/v0/user/${randomUUID()}/token`, { headers: sent });
    expect([answer.status, answer.text]).toEqual([401, '']);
  });
});
