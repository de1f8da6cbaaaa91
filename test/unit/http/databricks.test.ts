import type { Scope } from '../../../src/accounts/actor.ts';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../src/core/duration.ts';
import { isWellFormed } from '../../../src/tokens/format.ts';
import type { Person, World } from './support/world.ts';
import { startWorld } from './support/world.ts';

let world: World;
let admin: Person;
beforeAll(async () => {
  world = await startWorld('databricks');
  admin = await world.person('root', 'admin');
});
afterAll(() => world.close());

interface Info {
  readonly token_id: string;
  readonly creation_time: number;
  readonly expiry_time: number;
  readonly comment: string;
}
interface Created {
  readonly token_value: string;
  readonly token_info: Info;
}

const EVERYONE_MAY = [{ group_name: 'users', permission_level: 'CAN_USE' }];

async function create(as: string, body: object = {}): Promise<Created> {
  const answer = await world.call('POST', '/api/2.0/token/create', { as, body });
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('token_value')]);
  return answer.json() as Created;
}

async function list(as: string): Promise<readonly Info[]> {
  const answer = await world.call('GET', '/api/2.0/token/list', { as });
  expect(answer.status).toBe(200);
  return (answer.json() as { readonly token_infos: readonly Info[] }).token_infos;
}

describe('Databricks tokens', () => {
  it('are created, listed and deleted', async () => {
    const ada = await world.person('ada');
    const { token_value: token, token_info: info } = await create(ada.session, {
      comment: 'ci',
      lifetime_seconds: 3600,
    });
    expect(isWellFormed(token)).toBe(true);
    expect(info).toEqual({
      token_id: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      creation_time: expect.any(Number) as number,
      expiry_time: info.creation_time + 3_600_000,
      comment: 'ci',
    });
    expect(await list(token)).toEqual([info]);
    const remove = () =>
      world.call('POST', '/api/2.0/token/delete', { as: ada.session, body: { token_id: info.token_id } });
    const removed = await remove();
    expect([removed.status, removed.json()]).toEqual([200, {}]);
    expect(await list(ada.session)).toEqual([]);
    const again = await remove();
    expect([again.status, again.json()]).toEqual([
      404,
      {
        error_code: 'RESOURCE_DOES_NOT_EXIST',
        message: `No valid token with ID ${info.token_id} found.`,
      },
    ]);
  });

  it('without a lifetime live as long as the policy allows; without a comment they have none', async () => {
    const ada = await world.person('ada');
    const { token_info: info } = await create(ada.session);
    expect(info.expiry_time - info.creation_time).toBe(180 * DAY_MS);
    expect(info.comment).toBe('');
  });

  it('that are expired or revoked are not listed', async () => {
    const ada = await world.person('ada');
    await world.issue(ada);
    await world.expire(ada.uid);
    await world.issue(ada).then(({ tid }) => world.revoke(tid));
    const live = await create(ada.session, { comment: 'live' });
    expect((await list(ada.session)).map(({ token_id: id }) => id)).toEqual([live.token_info.token_id]);
  });

  it('that never expire say −1', async () => {
    const ada = await world.person('ada');
    await world.withPolicy({ neverExpiringAllowed: true }, async () => {
      await world.issue(ada, { lifetime: 'never' });
    });
    expect(await list(ada.session)).toMatchObject([{ expiry_time: -1 }]);
  });

  it('can be told by their tid as well', async () => {
    const ada = await world.person('ada');
    const { tid } = await world.issue(ada);
    const body = { token_id: tid };
    expect((await world.call('POST', '/api/2.0/token/delete', { as: ada.session, body })).status).toBe(200);
  });

  it('get another comment by PATCH', async () => {
    const ada = await world.person('ada');
    const { token_info: info } = await create(ada.session, { comment: 'old' });
    const patch = (body: object) =>
      world.call('PATCH', `/api/2.0/token/${info.token_id}`, { as: ada.session, body });
    const done = await patch({ token: { comment: 'new' }, update_mask: 'comment' });
    expect([done.status, done.json()]).toEqual([200, {}]);
    expect(await list(ada.session)).toEqual([{ ...info, comment: 'new' }]);
    const refused = await patch({ token: { comment: 'x' }, update_mask: 'comment,expiry_time' });
    expect([refused.status, refused.json()]).toMatchObject([400, { error_code: 'INVALID_PARAMETER_VALUE' }]);
  });

  it.each([
    ['a lifetime of zero', { lifetime_seconds: 0 }],
    ['a negative lifetime', { lifetime_seconds: -1 }],
    ['half a second', { lifetime_seconds: 0.5 }],
    ['a lifetime in words', { lifetime_seconds: '3600' }],
    ['more than the maximum', { lifetime_seconds: 180 * 86_400 + 1 }],
    ['for ever', { lifetime_seconds: 1e300 }],
    ['a comment that is none', { comment: { text: 'x' } }],
    ['a comment of 300 characters', { comment: 'x'.repeat(300) }],
    ['a list', []],
  ])('refuse %s', async (_, body) => {
    const ada = await world.person('ada');
    const answer = await world.call('POST', '/api/2.0/token/create', { as: ada.session, body });
    expect([answer.status, answer.json()]).toEqual([
      400,
      { error_code: 'INVALID_PARAMETER_VALUE', message: expect.any(String) as string },
    ]);
  });

  it.each([['unknown'], [randomUUID()], ['0'.repeat(64)], ['../../etc']])('%s is no token', async (id) => {
    const ada = await world.person('ada');
    const body = { token_id: id };
    const answer = await world.call('POST', '/api/2.0/token/delete', { as: ada.session, body });
    expect([answer.status, answer.json()]).toEqual([
      404,
      { error_code: 'RESOURCE_DOES_NOT_EXIST', message: `No valid token with ID ${id} found.` },
    ]);
  });

  it('of another are not to be seen', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    const { tid } = await world.issue(bob);
    const body = { token_id: tid };
    const answer = await world.call('POST', '/api/2.0/token/delete', { as: ada.session, body });
    expect([answer.status, answer.json()]).toMatchObject([404, { error_code: 'RESOURCE_DOES_NOT_EXIST' }]);
    expect(await list(bob.session)).toHaveLength(1);
  });

  it('beyond the quota: QUOTA_EXCEEDED, and never 429', async () => {
    const ada = await world.person('ada');
    await world.withPolicy({ maxLiveTokensPerUser: 2 }, async () => {
      for (const comment of ['a', 'b']) await create(ada.session, { comment });
      const answer = await world.call('POST', '/api/2.0/token/create', { as: ada.session, body: {} });
      expect([answer.status, answer.json()]).toMatchObject([400, { error_code: 'QUOTA_EXCEEDED' }]);
    });
  });

  const all: readonly [string, string, object | undefined][] = [
    ['POST', '/api/2.0/token/create', {}],
    ['GET', '/api/2.0/token/list', undefined],
    ['POST', '/api/2.0/token/delete', { token_id: 'x' }],
  ];

  async function expectAll(as: string, status: number, error: object): Promise<void> {
    for (const [method, path, body] of all) {
      const answer = await world.call(method, path, { as, body });
      expect([path, answer.status, answer.json()]).toEqual([path, status, error]);
    }
  }

  it('switched off: FEATURE_DISABLED, to who comes by name and to who has nothing but a token', async () => {
    const ada = await world.person('ada');
    const { token } = await world.issue(ada);
    await world.withPolicy({ tokensEnabled: false }, async () => {
      for (const as of [ada.session, token]) {
        await expectAll(as, 404, { error_code: 'FEATURE_DISABLED', message: 'Tokens are disabled.' });
      }
    });
    const listed = async () => (await world.call('GET', '/api/2.0/token/list', { as: token })).status;
    await expect.poll(listed, { timeout: 5000 }).toBe(200);
  });

  it('without the permission to use them: PERMISSION_DENIED, also to their holder', async () => {
    const ada = await world.person('ada');
    const { token } = await world.issue(ada);
    await world.withPolicy({ createAndUse: 'granted' }, async () => {
      for (const as of [ada.session, token]) {
        await expectAll(as, 403, {
          error_code: 'PERMISSION_DENIED',
          message: 'User does not have permission to use tokens.',
        });
      }
    });
  });

  it('switched off and revoked: no more than that the token is not valid', async () => {
    const ada = await world.person('ada');
    const { tid, token } = await world.issue(ada);
    await world.revoke(tid);
    await world.withPolicy({ tokensEnabled: false }, async () => {
      await expectAll(token, 403, { error_code: 403, message: 'Invalid access token.' });
      await expectAll(world.unknownToken(), 403, { error_code: 403, message: 'Invalid access token.' });
    });
  });

  it('by a token without the scope for it: PERMISSION_DENIED', async () => {
    const ada = await world.person('ada');
    const [plain, scoped] = [await world.issue(ada), await world.issue(ada, { scopes: ['tokens'] })];
    const answer = await world.call('POST', '/api/2.0/token/create', { as: plain.token, body: {} });
    expect([answer.status, answer.json()]).toMatchObject([403, { error_code: 'PERMISSION_DENIED' }]);
    await create(scoped.token, { lifetime_seconds: 60 });
  });

  it.each<[string, string | undefined]>([
    ['no credential', undefined],
    ['nonsense', 'Bearer nonsense'],
    ['an unknown token', 'UNKNOWN'],
  ])('%s: 403 with a number for a code', async (_, header) => {
    const authorization = header === 'UNKNOWN' ? `Bearer ${world.unknownToken()}` : header;
    const answer = await world.call('GET', '/api/2.0/token/list', {
      headers: authorization === undefined ? {} : { authorization },
    });
    expect([answer.status, answer.json()]).toEqual([
      403,
      { error_code: 403, message: 'Invalid access token.' },
    ]);
  });

  it('come by Basic as from a .netrc', async () => {
    const ada = await world.person('ada');
    const { token } = await world.issue(ada);
    const basic = (user: string, secret: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`,
    });
    const status = async (user: string, secret: string) =>
      (await world.call('GET', '/api/2.0/token/list', { headers: basic(user, secret) })).status;
    expect(await status('token', token)).toBe(200);
    expect(await status('$token', token)).toBe(200);
    expect(await status(ada.name, token)).toBe(200);
    expect(await status(ada.email.toUpperCase(), token)).toBe(200);
    expect(await status('somebody-else', token)).toBe(403);
    expect(await status('else@example.com', token)).toBe(403);
    expect(await status(ada.name, ada.password)).toBe(403);
  });
});

describe('Databricks token management', () => {
  const BASE = '/api/2.0/token-management';
  const tokens = async (query = ''): Promise<readonly Record<string, unknown>[]> => {
    const answer = await world.call('GET', `${BASE}/tokens${query}`, { as: admin.session });
    expect(answer.status).toBe(200);
    return (answer.json() as { readonly token_infos: readonly Record<string, unknown>[] }).token_infos;
  };

  it('shows everybody’s tokens, by creator', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    const { token_info: info } = await create(ada.session, { comment: 'ada’s' });
    await create(bob.session, { comment: 'bob’s' });
    const expected = {
      ...info,
      created_by_id: ada.numericId,
      created_by_username: ada.name,
      owner_id: ada.numericId,
      workspace_id: expect.any(Number) as number,
    };
    expect(await tokens(`?created_by_id=${ada.numericId}`)).toEqual([expected]);
    expect(await tokens(`?created_by_username=${ada.name}`)).toEqual([expected]);
    expect(await tokens(`?created_by_id=${ada.numericId}&created_by_username=${ada.name}`)).toEqual([
      expected,
    ]);
    expect(await tokens(`?created_by_id=${ada.numericId}&created_by_username=${bob.name}`)).toEqual([]);
    expect(await tokens('?created_by_id=999999999')).toEqual([]);
    expect(await tokens('?created_by_username=nobody')).toEqual([]);
    const comments = (await tokens()).map(({ comment }) => comment);
    expect(comments).toEqual(expect.arrayContaining(['ada’s', 'bob’s']));
  });

  it('says on which day a token was last used', async () => {
    const ada = await world.person('ada');
    const { tid } = await world.issue(ada);
    const used = new Date('2026-03-04T05:06:07Z');
    await world.store.db.updateTable('tokens').set({ last_used_at: used }).where('tid', '=', tid).execute();
    const answer = await world.call('GET', `${BASE}/tokens/${tid}`, { as: admin.session });
    expect(answer.json()).toMatchObject({ token_info: { last_used_day: Date.UTC(2026, 2, 4) } });
  });

  it('shows, changes and deletes one', async () => {
    const ada = await world.person('ada');
    const { token_info: info } = await create(ada.session, { comment: 'old' });
    const path = `${BASE}/tokens/${info.token_id}`;
    const call = (method: string, body?: object) => world.call(method, path, { as: admin.session, body });
    expect((await call('GET')).json()).toMatchObject({ token_info: { ...info, owner_id: ada.numericId } });
    const patched = await call('PATCH', { token: { comment: 'new' }, update_mask: 'comment' });
    expect([patched.status, patched.json()]).toMatchObject([200, { ...info, comment: 'new' }]);
    const deleted = await call('DELETE');
    expect([deleted.status, deleted.json()]).toEqual([200, {}]);
    for (const method of ['GET', 'DELETE']) {
      const gone = await call(method);
      expect([gone.status, gone.json()]).toEqual([
        404,
        {
          error_code: 'RESOURCE_DOES_NOT_EXIST',
          message: `No valid token with ID ${info.token_id} found.`,
        },
      ]);
    }
  });

  it('makes tokens for service principals, named after who made them', async () => {
    const etl = await world.service('etl');
    const answer = await world.call('POST', `${BASE}/on-behalf-of/tokens`, {
      as: admin.session,
      body: { application_id: etl.applicationId, comment: 'nightly', lifetime_seconds: 60 },
    });
    expect(answer.status).toBe(200);
    const { token_value: token, token_info: info } = answer.json() as Created;
    expect(info).toMatchObject({
      comment: 'nightly',
      created_by_id: admin.numericId,
      created_by_username: admin.name,
      owner_id: etl.numericId,
    });
    const me = await world.call('GET', '/api/2.0/preview/scim/v2/Me', { as: token });
    expect(me.json()).toMatchObject({ id: String(etl.numericId), userName: etl.name });
  });

  it('knows no service principal of another id', async () => {
    const ada = await world.person('ada');
    for (const id of [randomUUID(), 'etl', ada.uid]) {
      const body = { application_id: id };
      const answer = await world.call('POST', `${BASE}/on-behalf-of/tokens`, { as: admin.session, body });
      expect([answer.status, answer.json()]).toMatchObject([404, { error_code: 'RESOURCE_DOES_NOT_EXIST' }]);
    }
  });

  it('refuses a filter that is no number', async () => {
    const answer = await world.call('GET', `${BASE}/tokens?created_by_id=ada`, { as: admin.session });
    expect([answer.status, answer.json()]).toMatchObject([400, { error_code: 'INVALID_PARAMETER_VALUE' }]);
  });

  it('is for who manages all', async () => {
    const ada = await world.person('ada');
    const paths = [`${BASE}/tokens`, `${BASE}/tokens/${randomUUID()}`];
    for (const path of paths) {
      const answer = await world.call('GET', path, { as: ada.session });
      expect([answer.status, answer.json()]).toMatchObject([403, { error_code: 'PERMISSION_DENIED' }]);
    }
  });
});

describe('Databricks permissions on tokens', () => {
  const PATH = '/api/2.0/permissions/authorization/tokens';
  const call = (method: string, list?: readonly object[], as = admin.session) =>
    world.call(method, PATH, { as, body: list === undefined ? undefined : { access_control_list: list } });
  const use = [{ permission_level: 'CAN_USE', inherited: false }];
  const admins = {
    group_name: 'admins',
    all_permissions: [
      { permission_level: 'CAN_MANAGE', inherited: true, inherited_from_object: ['/authorization/'] },
    ],
  };
  const answered = (list: readonly object[]) => ({
    object_id: '/authorization/tokens',
    object_type: 'tokens',
    access_control_list: list,
  });
  /** Everyone again, whatever a test left behind. */
  const reset = () => call('PUT', [{ group_name: 'users', permission_level: 'CAN_USE' }]);

  it('are everyone’s at first', async () => {
    expect((await call('GET')).json()).toEqual(
      answered([{ group_name: 'users', all_permissions: use }, admins]),
    );
  });

  it('are replaced by PUT and added to by PATCH, and count at once', async () => {
    const [ada, bob, etl] = [
      await world.person('ada'),
      await world.person('bob'),
      await world.service('etl'),
    ];
    const put = await call('PUT', [
      { user_name: ada.name, permission_level: 'CAN_USE' },
      { service_principal_name: etl.applicationId ?? '', permission_level: 'CAN_USE' },
      { group_name: 'admins', permission_level: 'CAN_MANAGE' },
    ]);
    const adas = { user_name: ada.name, all_permissions: use };
    const etls = { service_principal_name: etl.applicationId, all_permissions: use };
    expect([put.status, put.json()]).toEqual([200, answered([adas, etls, admins])]);
    expect((await world.call('GET', '/api/2.0/token/list', { as: ada.session })).status).toBe(200);
    expect((await world.call('GET', '/api/2.0/token/list', { as: bob.session })).status).toBe(403);

    const patched = await call('PATCH', [{ user_name: bob.name, permission_level: 'CAN_USE' }]);
    const bobs = { user_name: bob.name, all_permissions: use };
    expect([patched.status, patched.json()]).toEqual([200, answered([adas, bobs, etls, admins])]);
    expect((await world.call('GET', '/api/2.0/token/list', { as: bob.session })).status).toBe(200);

    expect((await call('PUT', [])).json()).toEqual(answered([admins]));
    expect((await call('GET')).json()).toEqual(answered([admins]));
    await reset();
  });

  it('can be a group’s', async () => {
    const ada = await world.person('ada');
    const group = `analysts-${ada.name}`;
    const as = admin.session;
    await world.call('POST', '/api/v1/groups', { as, body: { name: group } });
    await world.call('PUT', `/api/v1/groups/${group}/members/${ada.name}`, { as });
    const put = await call('PUT', [{ group_name: group, permission_level: 'CAN_USE' }]);
    expect(put.json()).toEqual(answered([{ group_name: group, all_permissions: use }, admins]));
    expect((await world.call('GET', '/api/2.0/token/list', { as: ada.session })).status).toBe(200);
    await reset();
  });

  it.each(['users', 'admins'])('are not told nor changed while a group named %s holds them', async (name) => {
    const as = admin.session;
    const grantee = { kind: 'group', name };
    const everyone = { group_name: 'users', permission_level: 'CAN_USE' };
    await world.call('POST', '/api/v1/groups', { as, body: { name } });
    try {
      await world.call('PUT', '/api/v1/privileges/can_use', { as, body: { grantees: [grantee] } });
      const before = await world.call('GET', '/api/v1/privileges', { as });
      const answers = [await call('GET'), await call('PUT', [everyone]), await call('PATCH', [everyone])];
      expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
      expect((await world.call('GET', '/api/v1/privileges', { as })).json()).toEqual(before.json());
      expect(before.text).not.toContain('everyone');
      await world.call('PUT', '/api/v1/privileges/can_use', { as, body: { grantees: [] } });
      // It holds nothing now, but its name still could be meant.
      expect((await call('GET')).status).toBe(200);
      expect((await call('PUT', [everyone])).status).toBe(name === 'users' ? 400 : 200);
    } finally {
      await world.call('DELETE', `/api/v1/groups/${name}`, { as });
      await reset();
    }
    expect((await call('GET')).json()).toEqual(
      answered([{ group_name: 'users', all_permissions: use }, admins]),
    );
  });

  it.each(['CAN_USE', 'NONE', undefined])('of the administrators can not be made %s', async (level) => {
    for (const method of ['PUT', 'PATCH']) {
      const answer = await call(method, [{ group_name: 'admins', permission_level: level }]);
      expect([answer.status, answer.json()]).toEqual([
        400,
        {
          error_code: 'INVALID_PARAMETER_VALUE',
          message: "Cannot change permissions for group 'admins' to None",
        },
      ]);
    }
  });

  it.each<[string, object, number]>([
    ['an unknown user', { user_name: 'nobody', permission_level: 'CAN_USE' }, 404],
    ['an unknown group', { group_name: 'nobodies', permission_level: 'CAN_USE' }, 404],
    ['an unknown service', { service_principal_name: 'x', permission_level: 'CAN_USE' }, 404],
    ['another level', { user_name: 'nobody', permission_level: 'IS_OWNER' }, 400],
    ['nobody', { permission_level: 'CAN_USE' }, 400],
    ['two at once', { user_name: 'a', group_name: 'b', permission_level: 'CAN_USE' }, 400],
    ['wrong types', { user_name: 7, permission_level: 'CAN_USE' }, 400],
  ])('refuse %s and stay as they were', async (_, entry, status) => {
    const before = (await call('GET')).text;
    const answer = await call('PUT', [{ group_name: 'users', permission_level: 'CAN_USE' }, entry]);
    expect(answer.status).toBe(status);
    expect((await call('GET')).text).toBe(before);
  });

  it('have two levels', async () => {
    const answer = await world.call('GET', `${PATH}/permissionLevels`, { as: admin.session });
    const { permission_levels: levels } = answer.json() as {
      readonly permission_levels: readonly { readonly permission_level: string }[];
    };
    expect(levels.map((level) => level.permission_level)).toEqual(['CAN_USE', 'CAN_MANAGE']);
  });

  it('are for administrators', async () => {
    const mia = await world.person('mia', 'manage_all');
    expect((await call('GET', undefined, mia.session)).status).toBe(403);
    expect((await call('PUT', [], mia.session)).status).toBe(403);
  });
});

describe('Databricks workspace-conf', () => {
  const PATH = '/api/2.0/workspace-conf';
  const get = (keys: string) => world.call('GET', `${PATH}?keys=${keys}`, { as: admin.session });
  const patch = (body: unknown) => world.call('PATCH', PATH, { as: admin.session, body });

  it('shows and changes two rules of the policy, in strings', async () => {
    expect((await get('enableTokensConfig,maxTokenLifetimeDays')).json()).toEqual({
      enableTokensConfig: 'true',
      maxTokenLifetimeDays: '180',
    });
    const changed = await patch({ maxTokenLifetimeDays: '90' });
    expect([changed.status, changed.json()]).toEqual([200, { maxTokenLifetimeDays: '90' }]);
    expect((await world.deps.policy.get()).maxLifetimeMs).toBe(90 * DAY_MS);
    await patch({ maxTokenLifetimeDays: '0' });
    expect((await get('maxTokenLifetimeDays')).json()).toEqual({ maxTokenLifetimeDays: '0' });
    expect((await world.deps.policy.get()).maxLifetimeMs).toBe(730 * DAY_MS);
    await patch({ maxTokenLifetimeDays: '180' });
  });

  it('switches tokens off and on', async () => {
    expect((await patch({ enableTokensConfig: 'false' })).status).toBe(200);
    expect((await get('enableTokensConfig')).json()).toEqual({ enableTokensConfig: 'false' });
    expect((await patch({ enableTokensConfig: 'true' })).status).toBe(200);
  });

  it('knows no other keys', async () => {
    for (const answer of [await get('maxTokenLifetimeDays,k'), await patch({ k: 'x' })]) {
      expect([answer.status, answer.json()]).toEqual([
        400,
        { error_code: 'INVALID_PARAMETER_VALUE', message: 'Invalid keys: ["k"]' },
      ]);
    }
  });

  it.each([
    ['a number', { maxTokenLifetimeDays: 90 }],
    ['a boolean', { enableTokensConfig: true }],
    ['words', { maxTokenLifetimeDays: 'ninety' }],
    ['a fraction', { maxTokenLifetimeDays: '1.5' }],
    ['a list', []],
    ['a key of every object', { constructor: 'x' }],
  ])('takes no %s', async (_, body) => {
    const answer = await patch(body);
    expect([answer.status, answer.json()]).toMatchObject([400, { error_code: 'INVALID_PARAMETER_VALUE' }]);
  });

  it('is for administrators', async () => {
    const mia = await world.person('mia', 'manage_all');
    const answer = await world.call('GET', `${PATH}?keys=enableTokensConfig`, { as: mia.session });
    expect([answer.status, answer.json()]).toMatchObject([403, { error_code: 'PERMISSION_DENIED' }]);
  });
});

describe('Databricks SCIM', () => {
  it('says who the caller is', async () => {
    const ada = await world.person('ada');
    const answer = await world.call('GET', '/api/2.0/preview/scim/v2/Me', { as: ada.session });
    expect([answer.status, answer.json()]).toEqual([
      200,
      { id: String(ada.numericId), userName: ada.name, displayName: ada.name, active: true, groups: [] },
    ]);
  });
});

describe('a token of an administrator', () => {
  const CALLS: readonly [string, string, object?][] = [
    ['GET', '/api/2.0/permissions/authorization/tokens'],
    ['GET', '/api/2.0/permissions/authorization/tokens/permissionLevels'],
    ['PUT', '/api/2.0/permissions/authorization/tokens', { access_control_list: EVERYONE_MAY }],
    ['PATCH', '/api/2.0/permissions/authorization/tokens', { access_control_list: [] }],
    ['GET', '/api/2.0/workspace-conf?keys=enableTokensConfig'],
    ['PATCH', '/api/2.0/workspace-conf', { enableTokensConfig: 'true' }],
  ];

  it.each(CALLS)('needs the scope "accounts" for %s %s', async (method, path, body) => {
    const call = async (scopes: readonly Scope[]) => {
      const { token } = await world.issue(admin, { scopes });
      return world.call(method, path, { as: token, ...(body !== undefined && { body }) });
    };
    for (const scopes of [[], ['tokens']] as const) {
      const answer = await call(scopes);
      expect([answer.status, answer.json()]).toMatchObject([403, { error_code: 'PERMISSION_DENIED' }]);
    }
    expect((await call(['accounts'])).status).toBe(200);
  });

  it('needs the scope "tokens" to make tokens, for itself and on behalf of others', async () => {
    const service = await world.service('etl');
    const make = async (scopes: readonly Scope[], path: string, body: object) => {
      const { token } = await world.issue(admin, { scopes });
      return (await world.call('POST', `/api/2.0/${path}`, { as: token, body })).status;
    };
    for (const [path, body] of [
      ['token/create', {}],
      ['token-management/on-behalf-of/tokens', { application_id: service.applicationId }],
    ] as const) {
      expect(await make([], path, body)).toBe(403);
      expect(await make(['accounts'], path, body)).toBe(403);
      expect(await make(['tokens'], path, body)).toBe(200);
    }
  });
});
