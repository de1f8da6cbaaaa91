import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../../src/core/duration.ts';
import { DEFAULT_POLICY } from '../../../src/store/policy.ts';
import { isWellFormed } from '../../../src/tokens/format.ts';
import type { Answer } from './support/client.ts';
import { startWorld, type Person, type World } from './support/world.ts';

let world: World;
let admin: Person;
beforeAll(async () => {
  world = await startWorld('native');
  admin = await world.person('root', 'admin');
});
afterAll(() => world.close());

interface Info {
  readonly tid: string;
  readonly label: string;
  readonly state: string;
  readonly createdAt: string;
  readonly expiresAt: string;
}
interface Issued {
  readonly token: string | null;
  readonly info: Info;
}

async function issue(as: string, body: object, headers: Record<string, string> = {}): Promise<Issued> {
  const answer = await world.call('POST', '/api/v1/tokens', {
    as,
    body: { label: 'laptop', ...body },
    headers,
  });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  return answer.json() as Issued;
}

function problem(answer: Answer): [number, string] {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const { status, code, requestId } = answer.json() as { status: number; code: string; requestId: string };
  expect(status).toBe(answer.status);
  expect(requestId).toBe(answer.headers.get('x-request-id'));
  return [status, code];
}

const lifeOf = ({ createdAt, expiresAt }: Info): number => Date.parse(expiresAt) - Date.parse(createdAt);

describe('signing in', () => {
  it('gives a session token that says who one is, until signed out', async () => {
    const ada = await world.person('ada');
    const me = await world.call('GET', '/api/v1/me', { as: ada.session });
    expect(me.json()).toMatchObject({
      user: { uid: ada.uid, name: ada.name, email: ada.email, state: 'active', hasPassword: true },
      privileges: ['can_use'],
      via: 'session',
      tid: null,
    });
    expect((await world.call('DELETE', '/api/v1/session', { as: ada.session })).status).toBe(204);
    expect(problem(await world.call('GET', '/api/v1/me', { as: ada.session }))).toEqual([
      401,
      'request.unauthenticated',
    ]);
  });

  it('by a token remembers that token', async () => {
    const ada = await world.person('ada');
    const { tid, token } = await world.issue(ada);
    const answer = await world.call('POST', '/api/v1/session', { body: { name: '$token', password: token } });
    const { token: session } = answer.json() as { token: string };
    const me = await world.call('GET', '/api/v1/me', { as: session });
    expect(me.json()).toMatchObject({ user: { uid: ada.uid }, via: 'session', tid });
    const made = await world.call('POST', '/api/v1/tokens', { as: session, body: { label: 'x' } });
    expect(problem(made)).toEqual([403, 'request.forbidden']);
    await world.revoke(tid);
    expect((await world.call('GET', '/api/v1/me', { as: session })).status).toBe(401);
  });

  it('by a wrong password is refused', async () => {
    const ada = await world.person('ada');
    const answer = await world.call('POST', '/api/v1/session', {
      body: { name: ada.name, password: 'wrong-password' },
    });
    expect(problem(answer)).toEqual([401, 'request.unauthenticated']);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="patgate"');
  });
});

describe('tokens', () => {
  it('are issued with limits, shown, changed and revoked', async () => {
    const ada = await world.person('ada');
    const { token, info } = await issue(ada.session, {
      description: 'at home',
      lifetime: '12h',
      databases: ['demo'],
      networks: ['192.0.2.7', '10.0.0.0/8'],
      maxSessions: 2,
      scopes: ['tokens'],
    });
    expect(isWellFormed(token ?? '')).toBe(true);
    expect(lifeOf(info)).toBe(12 * HOUR_MS);
    expect(info).toMatchObject({
      uid: ada.uid,
      owner: ada.name,
      creator: ada.name,
      kind: 'personal',
      label: 'laptop',
      description: 'at home',
      state: 'live',
      databases: ['demo'],
      maxSessions: 2,
      scopes: ['tokens'],
      lastUsedAt: null,
      revokedAt: null,
    });
    const path = `/api/v1/tokens/${info.tid}`;
    const show = async () => (await world.call('GET', path, { as: ada.session })).json();
    expect(await show()).toEqual(info);
    const body = { label: 'desk', description: null };
    expect((await world.call('PATCH', path, { as: ada.session, body })).json()).toEqual({ ...info, ...body });
    const revoked = await world.call('DELETE', `${path}?reason=lost`, { as: ada.session });
    expect([revoked.status, revoked.text]).toEqual([204, '']);
    expect(await show()).toMatchObject({ state: 'revoked', revokeReason: 'lost' });
    expect(problem(await world.call('DELETE', path, { as: ada.session }))).toEqual([409, 'request.conflict']);
  });

  it.each<[string | undefined, number]>([
    [undefined, 30 * DAY_MS],
    ['default', 30 * DAY_MS],
    ['maximum', 180 * DAY_MS],
    ['90 min', 90 * 60_000],
    ['2 weeks', 14 * DAY_MS],
  ])('live for %s', async (lifetime, ms) => {
    const { info } = await issue((await world.person('ada')).session, { lifetime });
    expect(lifeOf(info)).toBe(ms);
  });

  it.each<[string, object, string]>([
    ['more than the maximum', { lifetime: '181 days' }, 'policy.lifetime_too_long'],
    ['for ever', { lifetime: 'never' }, 'policy.never_expiring'],
    ['no time', { lifetime: '0 days' }, 'request.invalid'],
    ['a lifetime that is none', { lifetime: 'soon' }, 'request.invalid'],
    ['a number', { lifetime: 5 }, 'request.invalid'],
    ['no label', { label: undefined }, 'request.invalid'],
    ['an empty label', { label: '  ' }, 'request.invalid'],
    ['a label with a line break', { label: 'a\nb' }, 'request.invalid'],
    ['half of a character', { label: '\ud800' }, 'request.invalid'],
    ['a network that is none', { networks: ['10.0.0.0/99'] }, 'request.invalid'],
    ['a scope that is none', { scopes: ['root'] }, 'request.invalid'],
    ['no sessions', { maxSessions: 0 }, 'request.invalid'],
    ['no databases at all', { databases: [] }, 'request.invalid'],
    ['an unknown field', { expiresAt: '2099-01-01' }, 'request.invalid'],
    ['an owner that is no uid', { owner: 'ada' }, 'request.invalid'],
  ])('are not issued for %s', async (_, body, code) => {
    const { session: as } = await world.person('ada');
    const answer = await world.call('POST', '/api/v1/tokens', { as, body: { label: 'x', ...body } });
    expect(problem(answer)).toEqual([400, code]);
  });

  it('say which fields do not fit, without what was in them', async () => {
    const { session: as } = await world.person('ada');
    const body = { label: 7, lifetime: 'hunter2', networks: 'hunter2' };
    const answer = await world.call('POST', '/api/v1/tokens', { as, body });
    const { errors } = answer.json() as { errors: readonly { path: string }[] };
    expect(errors.map(({ path }) => path).sort()).toEqual(['label', 'lifetime', 'networks']);
    expect(answer.text).not.toContain('hunter2');
  });

  it('are made once for one Idempotency-Key', async () => {
    const ada = await world.person('ada');
    const headers = { 'idempotency-key': randomUUID() };
    const first = await issue(ada.session, {}, headers);
    const again = await world.call('POST', '/api/v1/tokens', {
      as: ada.session,
      body: { label: 'laptop' },
      headers,
    });
    expect([again.status, again.json()]).toEqual([200, { token: null, info: first.info }]);
  });

  it('are rotated: the old one lives on for the overlap', async () => {
    const ada = await world.person('ada');
    const old = await issue(ada.session, { databases: ['demo'] });
    const path = `/api/v1/tokens/${old.info.tid}/rotate`;
    const answer = await world.call('POST', path, { as: ada.session, body: { overlap: '1h' } });
    expect(answer.status).toBe(201);
    const { token, info } = answer.json() as Issued;
    expect(info).toMatchObject({ label: 'laptop', databases: ['demo'], rotatedFrom: old.info.tid });
    for (const secret of [old.token, token]) {
      expect((await world.call('GET', '/api/v1/me', { as: secret ?? '' })).status).toBe(200);
    }
    const shown = await world.call('GET', `/api/v1/tokens/${old.info.tid}`, { as: ada.session });
    const { retiresAt, rotatedTo } = shown.json() as { retiresAt: string; rotatedTo: string };
    expect(rotatedTo).toBe(info.tid);
    expect(Math.abs(Date.parse(retiresAt) - Date.now() - HOUR_MS)).toBeLessThan(60_000);
  });

  it('are rotated without a body by the policy’s overlap, and at once with none', async () => {
    const ada = await world.person('ada');
    const [a, b] = [await issue(ada.session, {}), await issue(ada.session, { label: 'b' })];
    const rotate = (tid: string, body?: object) =>
      world.call('POST', `/api/v1/tokens/${tid}/rotate`, { as: ada.session, body });
    expect((await rotate(a.info.tid)).status).toBe(201);
    expect((await rotate(b.info.tid, { overlap: '0s' })).status).toBe(201);
    const status = async (token: string | null) =>
      (await world.call('GET', '/api/v1/me', { as: token ?? '' })).status;
    expect([await status(a.token), await status(b.token)]).toEqual([200, 401]);
    expect(problem(await rotate(a.info.tid))).toEqual([409, 'request.conflict']);
  });

  it('are issued for others by who manages all', async () => {
    const [ada, mia] = [await world.person('ada'), await world.person('mia', 'manage_all')];
    const { info } = await issue(mia.session, { owner: ada.uid });
    expect(info).toMatchObject({ owner: ada.name, creator: mia.name });
    const refused = await world.call('POST', '/api/v1/tokens', {
      as: ada.session,
      body: { label: 'x', owner: mia.uid },
    });
    expect(problem(refused)).toEqual([403, 'request.forbidden']);
  });

  it('are revoked several at once: all or none', async () => {
    const ada = await world.person('ada');
    const tids = [(await world.issue(ada)).tid, (await world.issue(ada)).tid];
    const revoke = (ids: readonly string[]) =>
      world.call('POST', '/api/v1/tokens/revoke', { as: ada.session, body: { tids: ids, reason: 'tidy' } });
    expect(problem(await revoke([...tids, randomUUID()]))).toEqual([404, 'request.not_found']);
    const done = await revoke(tids);
    expect([done.status, done.json()]).toEqual([200, { revoked: 2 }]);
    expect((await revoke(tids)).json()).toEqual({ revoked: 0 });
    expect(problem(await revoke([]))).toEqual([400, 'request.invalid']);
  });

  it('of a user are revoked all', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    for (const person of [ada, ada, bob]) await world.issue(person);
    const all = (uid: string, as: string) => world.call('DELETE', `/api/v1/users/${uid}/tokens`, { as });
    expect(problem(await all(bob.uid, ada.session))).toEqual([403, 'request.forbidden']);
    expect((await all(ada.uid, ada.session)).json()).toEqual({ revoked: 2 });
    expect((await all(bob.uid, admin.session)).json()).toEqual({ revoked: 1 });
  });

  it('of others are not to be seen', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    const { tid } = await world.issue(bob);
    for (const [method, path, body] of [
      ['GET', `/api/v1/tokens/${tid}`, undefined],
      ['PATCH', `/api/v1/tokens/${tid}`, { label: 'mine' }],
      ['DELETE', `/api/v1/tokens/${tid}`, undefined],
      ['POST', `/api/v1/tokens/${tid}/rotate`, {}],
    ] as const) {
      const answer = await world.call(method, path, { as: ada.session, body });
      expect(problem(answer)).toEqual([404, 'request.not_found']);
    }
  });
});

describe('the list of tokens', () => {
  const list = async (as: string, query = ''): Promise<{ items: Info[]; nextCursor: string | null }> => {
    const answer = await world.call('GET', `/api/v1/tokens${query}`, { as });
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    return answer.json() as { items: Info[]; nextCursor: string | null };
  };

  it('comes in pages, sorted and filtered', async () => {
    const ada = await world.person('ada');
    for (const label of ['c', 'a', 'b']) await world.issue(ada, { label });
    const labels: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const at: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await list(ada.session, `?sort=label&direction=asc&limit=2${at}`);
      labels.push(...page.items.map(({ label }) => label));
      cursor = page.nextCursor;
    }
    expect(labels).toEqual(['a', 'b', 'c']);
    await world.issue(ada, { label: 'gone' }).then(({ tid }) => world.revoke(tid));
    const states = async (query: string) => (await list(ada.session, query)).items.map(({ label }) => label);
    expect(await states('?state=revoked')).toEqual(['gone']);
    expect((await states('?state=live,expired')).sort()).toEqual(['a', 'b', 'c']);
    expect(await states('?search=gon')).toEqual(['gone']);
    expect(await states('?createdFrom=2099-01-01T00:00:00Z')).toEqual([]);
    expect(await states(`?owner=${ada.uid}&expiresBefore=2000-01-01T00:00:00%2B02:00`)).toEqual([]);
  });

  it.each([
    '?state=alive',
    '?sort=secret',
    '?limit=0',
    '?limit=1001',
    '?limit=x',
    '?owner=ada',
    '?cursor=nonsense',
    '?createdFrom=yesterday',
    '?quick=all',
  ])('refuses %s', async (query) => {
    const answer = await world.call('GET', `/api/v1/tokens${query}`, { as: admin.session });
    expect(problem(answer)).toEqual([400, 'request.invalid']);
  });

  it('can be saved as CSV that a spreadsheet does not run', async () => {
    const ada = await world.person('ada');
    await world.issue(ada, { label: '=HYPERLINK("http://evil.example","x")', description: 'a,"b"\nc' });
    const { token } = await world.issue(ada, { label: '@SUM(1)' });
    const answer = await world.call('GET', '/api/v1/tokens.csv?sort=createdAt&direction=asc', {
      as: ada.session,
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/csv; charset=utf-8/);
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="tokens.csv"');
    expect(answer.text).toMatch(/^tid,owner,creator,kind,label,description,prefix,state,/);
    expect(answer.text).toContain(`,"'=HYPERLINK(""http://evil.example"",""x"")","a,""b""\nc",`);
    expect(answer.text).toContain(`,"'@SUM(1)",`);
    expect(answer.text).not.toContain(token);
    const refused = await world.call('GET', `/api/v1/tokens.csv?owner=${admin.uid}`, { as: ada.session });
    expect(problem(refused)).toEqual([403, 'request.forbidden']);
  });
});

describe('users', () => {
  it('are added, changed, disabled, enabled and removed by administrators', async () => {
    const as = admin.session;
    const name = `eve-${randomUUID().slice(0, 8)}`;
    const added = await world.call('POST', '/api/v1/users', {
      as,
      body: { name, email: `${name}@example.com`, password: 'correct horse' },
    });
    expect(added.status).toBe(201);
    const { uid } = added.json() as { uid: string };
    expect(added.json()).toMatchObject({ name, kind: 'person', state: 'active', hasPassword: true });
    expect(added.text).not.toContain('correct horse');
    const path = `/api/v1/users/${uid}`;
    const patched = await world.call('PATCH', path, {
      as,
      body: { displayName: 'Eve', databases: ['demo'] },
    });
    expect(patched.json()).toMatchObject({ displayName: 'Eve', databases: ['demo'] });
    const login = async (password: string) =>
      (await world.call('POST', '/api/v1/session', { body: { name, password } })).status;
    expect(await login('correct horse')).toBe(201);
    const body = { password: 'battery staple' };
    expect((await world.call('PUT', `${path}/password`, { as, body })).status).toBe(204);
    expect([await login('correct horse'), await login('battery staple')]).toEqual([401, 201]);
    expect((await world.call('POST', `${path}/disable`, { as })).json()).toMatchObject({ state: 'disabled' });
    expect(await login('battery staple')).toBe(401);
    expect((await world.call('POST', `${path}/enable`, { as })).json()).toMatchObject({ state: 'active' });
    expect(await login('battery staple')).toBe(201);
    expect((await world.call('DELETE', path, { as })).json()).toMatchObject({ state: 'removed' });
    expect(await login('battery staple')).toBe(401);
    expect((await world.call('GET', path, { as })).json()).toMatchObject({ state: 'removed' });
    expect(problem(await world.call('POST', `${path}/enable`, { as }))).toEqual([404, 'request.not_found']);
  });

  it('are listed in pages', async () => {
    const prefix = `page-${randomUUID().slice(0, 8)}`;
    for (const n of [1, 2, 3]) {
      await world.call('POST', '/api/v1/users', {
        as: admin.session,
        body: { name: `${prefix}-${n}`, kind: 'service' },
      });
    }
    const page = async (query: string) =>
      (
        await world.call('GET', `/api/v1/users?search=${prefix}&limit=2${query}`, { as: admin.session })
      ).json() as {
        items: { name: string; kind: string; applicationId: string }[];
        nextCursor: string | null;
      };
    const first = await page('');
    expect(first.items.map(({ name }) => name)).toEqual([`${prefix}-1`, `${prefix}-2`]);
    const second = await page(`&cursor=${first.nextCursor ?? ''}`);
    expect(second.items.map(({ name }) => name)).toEqual([`${prefix}-3`]);
    expect(second.nextCursor).toBeNull();
    expect((await page('&kind=person')).items).toEqual([]);
  });

  it('see themselves, and change their own password only', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    const get = (uid: string) => world.call('GET', `/api/v1/users/${uid}`, { as: ada.session });
    expect((await get(ada.uid)).json()).toMatchObject({ name: ada.name });
    expect(problem(await get(bob.uid))).toEqual([404, 'request.not_found']);
    const set = (uid: string) =>
      world.call('PUT', `/api/v1/users/${uid}/password`, {
        as: ada.session,
        body: { password: 'another one' },
      });
    expect(problem(await set(bob.uid))).toEqual([403, 'request.forbidden']);
    expect((await set(ada.uid)).status).toBe(204);
  });

  it.each<[string, string, string, object | undefined]>([
    ['add', 'POST', '/api/v1/users', { name: 'x' }],
    ['list', 'GET', '/api/v1/users', undefined],
    ['disable', 'POST', `/api/v1/users/${randomUUID()}/disable`, undefined],
    ['remove', 'DELETE', `/api/v1/users/${randomUUID()}`, undefined],
    ['group', 'POST', '/api/v1/groups', { name: 'x' }],
    ['see groups', 'GET', '/api/v1/groups', undefined],
    [
      'grant',
      'POST',
      '/api/v1/privileges/grant',
      { privilege: 'admin', grantee: { kind: 'user', name: 'x' } },
    ],
    ['see grants', 'GET', '/api/v1/privileges', undefined],
    ['set the policy', 'PATCH', '/api/v1/policy', { maxLiveTokensPerUser: 1 }],
    ['see its history', 'GET', '/api/v1/policy/history', undefined],
    ['read the audit', 'GET', '/api/v1/audit', undefined],
    ['verify the audit', 'GET', '/api/v1/audit/verify', undefined],
  ])('without privileges may not %s', async (_, method, path, body) => {
    const ada = await world.person('ada');
    expect(problem(await world.call(method, path, { as: ada.session, body }))).toEqual([
      403,
      'request.forbidden',
    ]);
  });
});

describe('groups and privileges', () => {
  it('give what their members need, and take it back', async () => {
    const as = admin.session;
    const [ada, group] = [await world.person('ada'), `ops-${randomUUID().slice(0, 8)}`];
    const added = await world.call('POST', '/api/v1/groups', { as, body: { name: group } });
    expect([added.status, added.json()]).toMatchObject([201, { name: group, members: [] }]);
    expect(problem(await world.call('POST', '/api/v1/groups', { as, body: { name: group } }))).toEqual([
      409,
      'request.conflict',
    ]);
    const member = `/api/v1/groups/${group}/members/${ada.name}`;
    expect((await world.call('PUT', member, { as })).status).toBe(204);
    const grant = { privilege: 'manage_all', grantee: { kind: 'group', name: group } };
    expect((await world.call('POST', '/api/v1/privileges/grant', { as, body: grant })).status).toBe(204);
    const privileges = async () => {
      const me = await world.call('GET', '/api/v1/me', { as: ada.session });
      return (me.json() as { privileges: string[] }).privileges;
    };
    expect(await privileges()).toEqual(['can_use', 'manage_all']);
    const granted = await world.call('GET', '/api/v1/privileges?privilege=manage_all', { as });
    expect(granted.json()).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining(grant)]) as unknown[],
    });
    const groups = await world.call('GET', '/api/v1/groups', { as: ada.session });
    expect(groups.json()).toMatchObject({
      items: expect.arrayContaining([
        expect.objectContaining({ name: group, members: [ada.name] }),
      ]) as unknown[],
    });
    expect((await world.call('DELETE', member, { as })).status).toBe(204);
    expect(await privileges()).toEqual(['can_use']);
    expect((await world.call('POST', '/api/v1/privileges/ungrant', { as, body: grant })).status).toBe(204);
    expect((await world.call('DELETE', `/api/v1/groups/${group}`, { as })).status).toBe(204);
    expect(problem(await world.call('DELETE', `/api/v1/groups/${group}`, { as }))).toEqual([
      404,
      'request.not_found',
    ]);
  });

  it('are replaced as a whole', async () => {
    const ada = await world.person('ada');
    const as = admin.session;
    const grantees = [{ kind: 'user', name: ada.name }];
    const put = (list: readonly object[]) =>
      world.call('PUT', '/api/v1/privileges/manage_all', { as, body: { grantees: list } });
    expect((await put(grantees)).status).toBe(204);
    const holders = await world.call('GET', '/api/v1/privileges?privilege=manage_all', { as });
    expect(holders.json()).toMatchObject({ items: [{ grantee: grantees[0] }] });
    expect((await put([])).status).toBe(204);
  });

  it('leave an administrator', async () => {
    const body = { grantees: [] };
    const answer = await world.call('PUT', '/api/v1/privileges/admin', { as: admin.session, body });
    expect(problem(answer)).toEqual([409, 'request.conflict']);
    expect((await world.call('GET', '/api/v1/groups', { as: admin.session })).status).toBe(200);
  });

  it('are not changed by a token without the scope for it', async () => {
    const [plain, scoped] = [await world.issue(admin), await world.issue(admin, { scopes: ['accounts'] })];
    const add = (as: string) =>
      world.call('POST', '/api/v1/groups', { as, body: { name: `g-${randomUUID()}` } });
    expect(problem(await add(plain.token))).toEqual([403, 'request.forbidden']);
    expect((await add(scoped.token)).status).toBe(201);
  });
});

describe('the policy', () => {
  it('is everybody’s to read, and the administrators’ to change, with a history', async () => {
    const ada = await world.person('ada');
    const get = async () => (await world.call('GET', '/api/v1/policy', { as: ada.session })).json();
    expect(await get()).toEqual(DEFAULT_POLICY);
    const patch = (body: object) => world.call('PATCH', '/api/v1/policy', { as: admin.session, body });
    const changed = await patch({ maxLiveTokensPerUser: 5, revokeUnusedDays: 0 });
    expect(changed.json()).toEqual({ ...DEFAULT_POLICY, maxLiveTokensPerUser: 5, revokeUnusedDays: 0 });
    const history = await world.call('GET', '/api/v1/policy/history?limit=1', { as: admin.session });
    expect(history.json()).toMatchObject({
      items: [
        {
          by: admin.name,
          before: { maxLiveTokensPerUser: 32, revokeUnusedDays: 90 },
          after: { maxLiveTokensPerUser: 5, revokeUnusedDays: 0 },
        },
      ],
    });
    await patch({ maxLiveTokensPerUser: 32, revokeUnusedDays: 90 });
    await expect.poll(get).toEqual(DEFAULT_POLICY);
  });

  it.each([
    ['an unknown rule', { maxTokens: 5 }],
    ['a wrong type', { tokensEnabled: 'no' }],
    ['a negative time', { maxLifetimeMs: -1 }],
    ['a fraction', { maxLiveTokensPerUser: 1.5 }],
    ['another word', { createAndUse: 'nobody' }],
    ['a huge number', { maxLifetimeMs: 1e300 }],
  ])('refuses %s', async (_, body) => {
    const answer = await world.call('PATCH', '/api/v1/policy', { as: admin.session, body });
    expect(problem(answer)).toEqual([400, 'request.invalid']);
  });
});

describe('live sessions', () => {
  it('are listed and ended: one’s own, or anyone’s with "manage all"', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    const [adas, bobs] = [randomUUID(), randomUUID()];
    await world.openSession({ sid: adas, uid: ada.uid, user: ada.name });
    await world.openSession({ sid: bobs, uid: bob.uid, user: bob.name });
    const sids = async (as: string, query = '') => {
      const answer = await world.call('GET', `/api/v1/sessions${query}`, { as });
      return (answer.json() as { items: { sid: string }[] }).items.map(({ sid }) => sid);
    };
    expect(await sids(ada.session)).toEqual([adas]);
    expect((await sids(admin.session)).sort()).toEqual([adas, bobs].sort());
    expect(await sids(admin.session, `?uid=${bob.uid}`)).toEqual([bobs]);
    expect(problem(await world.call('GET', `/api/v1/sessions?uid=${bob.uid}`, { as: ada.session }))).toEqual([
      403,
      'request.forbidden',
    ]);
    const kill = (as: string, sid: string) =>
      world.call('DELETE', `/api/v1/sessions/${sid}?reason=lunch`, { as });
    expect(problem(await kill(ada.session, bobs))).toEqual([404, 'request.not_found']);
    const killed = await kill(ada.session, adas);
    expect([killed.status, killed.text]).toEqual([202, '']);
    const body = { sids: [adas, bobs], reason: 'maintenance' };
    expect((await world.call('POST', '/api/v1/sessions/kill', { as: admin.session, body })).status).toBe(202);
    const unknown = { sids: [adas, randomUUID()] };
    expect(
      problem(await world.call('POST', '/api/v1/sessions/kill', { as: admin.session, body: unknown })),
    ).toEqual([404, 'request.not_found']);
  });
});

describe('ending sessions', () => {
  /** What the audit has of it, since then or not. */
  const kills = async (sid: string) =>
    (await world.auditOf(sid)).filter(({ action }) => action === 'session.kill');

  it('is on record once it is told, and not when it could not be', async () => {
    const ada = await world.person('ada');
    const sid = randomUUID();
    await world.openSession({ sid, uid: ada.uid, user: ada.name });
    const kill = (reason: string) =>
      world.call('POST', '/api/v1/sessions/kill', { as: ada.session, body: { sids: [sid], reason } });
    // Half of a character, which JSON may hold and no text of PostgreSQL's.
    expect(problem(await kill('a\ud800b'))).toEqual([400, 'request.invalid']);
    const rename = (from: string, to: string) =>
      sql`alter table patgate.${sql.ref(from)} rename to ${sql.ref(to)}`.execute(world.store.db);
    await rename('events', 'no_events');
    try {
      expect((await kill('lunch')).status).toBe(503);
    } finally {
      await rename('no_events', 'events');
    }
    expect(await kills(sid)).toEqual([]);
    expect((await kill('lunch')).status).toBe(202);
    expect(await kills(sid)).toMatchObject([{ outcome: 'ok', reason: 'lunch', actor: { uid: ada.uid } }]);
  });
});

describe('numbers and characters that the store does not have', () => {
  it.each([
    ['GET', '/api/v1/policy/history?beforeVersion=99999999999', undefined],
    ['GET', `/api/v1/tokens?cursor=${cursorAt('0000-01-01T00:00:00Z')}`, undefined],
    ['POST', '/api/v1/users', { name: 'half', displayName: '\ud800x' }],
    ['POST', '/api/v1/users', { name: 'half', databases: ['\udc00'] }],
  ] as const)('%s %s is refused', async (method, path, body) => {
    expect(problem(await world.call(method, path, { as: admin.session, body }))).toEqual([
      400,
      'request.invalid',
    ]);
  });

  function cursorAt(key: string): string {
    const place = { sort: 'createdAt', direction: 'desc', key, tid: randomUUID() };
    return Buffer.from(JSON.stringify(place)).toString('base64url');
  }
});

describe('the audit', () => {
  it('can be read and verified', async () => {
    const ada = await world.person('ada');
    const { info } = await issue(ada.session, {});
    const read = async () => {
      const answer = await world.call('GET', `/api/v1/audit?action=token.issue&uid=${ada.uid}`, {
        as: admin.session,
      });
      return answer.json();
    };
    await expect.poll(read).toMatchObject({
      items: [
        {
          action: 'token.issue',
          outcome: 'ok',
          actor: { uid: ada.uid, name: ada.name },
          target: { kind: 'token', id: info.tid },
          address: '127.0.0.1',
        },
      ],
    });
    const verdict = await world.call('GET', '/api/v1/audit/verify', { as: admin.session });
    expect(verdict.json()).toMatchObject({ ok: true });
  });
});

describe('leaked tokens', () => {
  const report = (token: string) => world.call('POST', '/api/v1/leaked-tokens', { body: { token } });

  it('are revoked by whoever finds them', async () => {
    const { token } = await world.issue(await world.person('ada'));
    const answer = await report(token);
    expect([answer.status, answer.json()]).toEqual([200, { revoked: true }]);
    expect((await world.call('GET', '/api/v1/me', { as: token })).status).toBe(401);
  });

  it('that are dead already are soon not looked for, and fill no audit', async () => {
    // Where nobody else has spent anything.
    const other = await startWorld('leaks');
    try {
      const ada = await other.person('ada');
      const { token, tid } = await other.issue(ada);
      const statuses: number[] = [];
      for (let n = 0; n < 25; n += 1) {
        const answer = await other.call('POST', '/api/v1/leaked-tokens', { body: { token } });
        statuses.push(answer.status);
      }
      expect(statuses).toEqual([...Array<number>(21).fill(200), ...Array<number>(4).fill(429)]);
      const rows = await other.store.db
        .selectFrom('audit')
        .select('action')
        .where('target_id', '=', tid)
        .where('action', 'in', ['token.revoke', 'token.leaked'])
        .execute();
      expect(rows).toHaveLength(2);
    } finally {
      await other.close();
    }
  });

  it('that are not ours are not found, and soon not looked for', async () => {
    expect(problem(await report('nonsense'))).toEqual([404, 'request.not_found']);
    const codes = new Set<string>();
    for (let n = 0; n < 22; n += 1) codes.add(problem(await report(world.unknownToken()))[1]);
    expect([...codes]).toEqual(['request.not_found', 'request.rate_limited']);
    const known = await report((await world.issue(await world.person('ada'))).token);
    expect(known.headers.get('retry-after')).toMatch(/^\d+$/);
  });
});

describe('the description', () => {
  it('is OpenAPI 3.1, open to all, and names every operation', async () => {
    const answer = await world.call('GET', '/openapi.json');
    expect(answer.status).toBe(200);
    const spec = answer.json() as {
      openapi: string;
      paths: Record<string, Record<string, { summary?: string; security?: unknown; responses: object }>>;
    };
    expect(spec.openapi).toBe('3.1.0');
    const operations = Object.entries(spec.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    expect(operations.length).toBeGreaterThan(35);
    for (const { path, operation } of operations) {
      expect(path).toMatch(/^\/api\/v1\//);
      expect(operation.summary).toBeTruthy();
      expect(operation.responses).toHaveProperty('default');
    }
    const open = operations.filter(({ operation }) => operation.security === undefined);
    expect(open.map(({ path, method }) => `${method} ${path}`).sort()).toEqual([
      'post /api/v1/leaked-tokens',
      'post /api/v1/session',
    ]);
  });

  it('has no answer without a credential for anything that needs one', async () => {
    const spec = (await world.call('GET', '/openapi.json')).json() as {
      paths: Record<string, Record<string, { security?: unknown }>>;
    };
    for (const [path, methods] of Object.entries(spec.paths)) {
      for (const [method, { security }] of Object.entries(methods)) {
        if (security === undefined) continue;
        const answer = await world.call(method.toUpperCase(), path.replace(/\{\w+\}/g, randomUUID()));
        expect([path, method, answer.status]).toEqual([path, method, 401]);
      }
    }
  });
});
