import type { Scope } from '../../../src/accounts/actor.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../../src/core/duration.ts';
import { isWellFormed } from '../../../src/tokens/format.ts';
import { startWorld, type World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld('dremiosoftware');
});
afterAll(() => world.close());

const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;

describe('Dremio Software login', () => {
  it('gives a login token for 30 hours, with what clients read beside it', async () => {
    const ada = await world.person('ada', 'admin');
    const before = Date.now();
    const answer = await world.call('POST', '/apiv2/login', {
      body: { userName: ada.name, password: ada.password },
    });
    expect(answer.status).toBe(200);
    const login = answer.json() as { readonly token: string; readonly expires: number };
    expect(login).toEqual({
      token: expect.any(String) as string,
      userName: ada.name,
      firstName: '',
      lastName: '',
      expires: expect.any(Number) as number,
      email: ada.email,
      userId: ada.uid,
      admin: true,
      clusterId: 'test-cluster',
      clusterCreatedAt: 0,
      version: '1.2.3',
      permissions: {},
      userCreatedAt: expect.any(Number) as number,
    });
    expect(login.expires - before).toBeGreaterThanOrEqual(30 * HOUR_MS - 5);
    expect(login.expires - before).toBeLessThan(30 * HOUR_MS + 60_000);
    const used = await world.call('GET', `/api/v3/user/${ada.uid}/token`, {
      headers: { authorization: `_dremio${login.token}` },
    });
    expect(used.status).toBe(200);
  });

  it('takes a token as the password, of a named user or of $token', async () => {
    const ada = await world.person('ada');
    const { token } = await world.issue(ada);
    for (const userName of [ada.name, ada.email, '$token', 'token']) {
      const answer = await world.call('POST', '/apiv2/login', { body: { userName, password: token } });
      expect([userName, answer.status]).toEqual([userName, 200]);
      expect(answer.json()).toMatchObject({ userName: ada.name, admin: false });
    }
  });

  type Choose = (own: { name: string; password: string }, other: string) => [string, string];
  it.each<[string, Choose]>([
    ['a wrong password', ({ name }) => [name, 'wrong-password']],
    ['an unknown user', ({ password }) => ['nobody', password]],
    ['another’s token', ({ name }, other) => [name, other]],
    ['a token user with a password', ({ password }) => ['$token', password]],
  ])('refuses %s, always in the same words', async (_, choose) => {
    const [ada, bob] = await Promise.all([world.person('ada'), world.person('bob')]);
    const [userName, password] = choose(ada, (await world.issue(bob)).token);
    const answer = await world.call('POST', '/apiv2/login', { body: { userName, password } });
    expect([answer.status, answer.json()]).toEqual([
      401,
      {
        errorMessage: `Login failed: Invalid username or password, user ${userName}`,
        moreInfo: '',
        stackTrace: [],
      },
    ]);
  });

  it.each([
    ['no user name', { password: 'x' }],
    ['an empty user name', { userName: '', password: 'x' }],
    ['an empty password', { userName: 'x', password: '' }],
    ['no body', undefined],
    ['null', { userName: null, password: null }],
    ['wrong types', { userName: ['x'], password: 7 }],
  ])('refuses %s', async (_, body) => {
    const answer = await world.call('POST', '/apiv2/login', { body });
    expect([answer.status, answer.json()]).toEqual([
      400,
      { errorMessage: 'user name or password cannot be null or empty', moreInfo: '', stackTrace: [] },
    ]);
  });

  it('ends', async () => {
    const ada = await world.person('ada');
    const ended = await world.call('DELETE', '/apiv2/login', { as: ada.session });
    expect([ended.status, ended.text]).toEqual([204, '']);
    expect((await world.call('GET', `/api/v3/user/${ada.uid}/token`, { as: ada.session })).status).toBe(401);
    expect((await world.call('DELETE', '/apiv2/login')).status).toBe(401);
  });

  it('does not revoke a personal access token that is sent to be logged out', async () => {
    const ada = await world.person('ada');
    const { token } = await world.issue(ada);
    expect((await world.call('DELETE', '/apiv2/login', { as: token })).status).toBe(204);
    expect((await world.call('GET', `/api/v3/user/${ada.uid}/token`, { as: token })).status).toBe(200);
  });

  it('is slowed down for who guesses, and for nobody else', async () => {
    const [ada, bob] = await Promise.all([world.person('ada'), world.person('bob')]);
    let guesses = 0;
    const guess = () => {
      guesses += 1;
      return world.call('POST', '/apiv2/login', {
        body: { userName: ada.name, password: `wrong-password-${guesses}` },
      });
    };
    const statuses: number[] = [];
    for (let n = 0; n < 12; n += 1) statuses.push((await guess()).status);
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401));
    expect(statuses[11]).toBe(429);
    expect(Number((await guess()).headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const other = { userName: bob.name, password: bob.password };
    expect((await world.call('POST', '/apiv2/login', { body: other })).status).toBe(200);
    // By the one guard that there is: SQL clients are slowed down by the same guesses.
    const attempt = { address: '127.0.0.1', encrypted: true, guessable: true };
    expect(() => world.deps.guard.admit({ ...attempt, account: ada.name })).toThrow('has to wait');
    expect(() => world.deps.guard.admit({ ...attempt, account: bob.name })).not.toThrow();
    const reasons = (await world.auditOf(ada.uid)).map(({ action, reason }) => [action, reason]);
    expect(reasons).toContainEqual(['http.login', 'login.wrong_secret']);
  });

  it('is on record, whether it succeeds, fails or is slowed down', async () => {
    const ada = await world.person('ada');
    const login = (userName: string, password: string) =>
      world.call('POST', '/apiv2/login', { body: { userName, password } });
    const { token, tid } = await world.issue(ada);
    await login(ada.name, token);
    await world.revoke(tid);
    await login('$token', token);
    await login(ada.email, 'wrong-password');
    const rows = (await world.auditOf(ada.uid)).filter(({ action }) => action === 'http.login');
    expect(rows.map(({ outcome, reason, actor }) => [outcome, reason, actor.tid]).slice(0, 3)).toEqual([
      ['refused', 'login.wrong_secret', null],
      ['refused', 'login.token_revoked', tid],
      ['ok', null, tid],
    ]);
  });
});

describe('Dremio Software users', () => {
  it('are found by name: oneself, or anyone with "manage all"', async () => {
    const [ada, mia] = await Promise.all([world.person('ada'), world.person('mia', 'manage_all')]);
    const find = (name: string, as: string) => world.call('GET', `/api/v3/user/by-name/${name}`, { as });
    for (const as of [ada.session, mia.session]) {
      const answer = await find(ada.name, as);
      expect([answer.status, answer.json()]).toEqual([
        200,
        { id: ada.uid, name: ada.name, displayName: null, email: ada.email, active: true },
      ]);
    }
    expect((await find(mia.name, ada.session)).status).toBe(404);
    const unknown = await find('nobody', mia.session);
    expect([unknown.status, unknown.json()]).toEqual([
      404,
      { errorMessage: 'User nobody not found.', moreInfo: '', stackTrace: [] },
    ]);
  });
});

describe('Dremio Software tokens', () => {
  it('are as in Cloud, with ISO-8601 times', async () => {
    const ada = await world.person('ada');
    const path = `/api/v3/user/${ada.uid}/token`;
    const body = { label: 'laptop', millisecondsToExpire: String(DAY_MS) };
    const created = await world.call('POST', path, { as: ada.session, body });
    expect([created.status, isWellFormed(created.text)]).toEqual([200, true]);
    const listed = await world.call('GET', path, { as: created.text });
    const { data } = listed.json() as { readonly data: readonly { readonly tid: string }[] };
    const tid = data[0]?.tid ?? '';
    expect(data).toEqual([{ label: 'laptop', createdAt: isoTime, expiresAt: isoTime, tid, uid: ada.uid }]);
    expect((await world.call('DELETE', `${path}/${tid}`, { as: ada.session })).status).toBe(204);
  });

  it('can be deleted under the owner’s name, and all at once', async () => {
    const ada = await world.person('ada');
    const { tid } = await world.issue(ada);
    await world.issue(ada);
    const one = `/api/v3/user/${ada.name}/token/${tid}`;
    expect((await world.call('DELETE', one, { as: ada.session })).status).toBe(204);
    const path = `/api/v3/user/${ada.uid}/token`;
    expect((await world.call('DELETE', path, { as: ada.session })).status).toBe(204);
    expect((await world.call('GET', path, { as: ada.session })).json()).toEqual({ data: [] });
  });

  it('of the caller, and of nobody else, go by DELETE /api/v3/token', async () => {
    const [admin, bob] = await Promise.all([world.person('root', 'admin'), world.person('bob')]);
    const [own, other] = [await world.issue(admin), await world.issue(bob)];
    const answer = await world.call('DELETE', '/api/v3/token', { as: admin.session });
    expect([answer.status, answer.text]).toEqual([204, '']);
    const me = async (as: string) => (await world.call('GET', '/api/v1/me', { as })).status;
    expect([await me(own.token), await me(other.token)]).toEqual([401, 200]);
  });
});

describe('Dremio Software support keys', () => {
  const ENABLED = '/apiv2/settings/auth.personal-access-tokens.enabled';
  const LIFETIME = '/apiv2/settings/auth.personal-access-token.max_lifetime_days';

  it('show, change and restore the policy', async () => {
    const { session: as } = await world.person('root', 'admin');
    const setting = { type: 'INTEGER', id: 'auth.personal-access-token.max_lifetime_days' };
    expect((await world.call('GET', LIFETIME, { as })).json()).toEqual({ ...setting, value: 180 });
    const put = await world.call('PUT', LIFETIME, { as, body: { ...setting, value: 7 } });
    expect([put.status, put.json()]).toEqual([200, { ...setting, value: 7 }]);
    expect((await world.deps.policy.get()).maxLifetimeMs).toBe(7 * DAY_MS);
    expect((await world.call('DELETE', LIFETIME, { as })).status).toBe(204);
    expect((await world.deps.policy.get()).maxLifetimeMs).toBe(180 * DAY_MS);
  });

  it('switch tokens off and on', async () => {
    const [admin, ada] = [await world.person('root', 'admin'), await world.person('ada')];
    const { token } = await world.issue(ada);
    const switchTo = (value: boolean) =>
      world.call('PUT', ENABLED, { as: admin.session, body: { type: 'BOOLEAN', value } });
    const me = async () => (await world.call('GET', '/api/v1/me', { as: token })).status;
    expect((await switchTo(false)).json()).toMatchObject({ type: 'BOOLEAN', value: false });
    expect(await me()).toBe(401);
    expect((await switchTo(true)).status).toBe(200);
    await expect.poll(me).toBe(200);
  });

  it.each<[string, string, unknown, number]>([
    ['an unknown key', '/apiv2/settings/planner.enabled', { type: 'BOOLEAN', value: true }, 404],
    ['a wrong type', ENABLED, { type: 'INTEGER', value: 1 }, 400],
    ['a value of another type', ENABLED, { type: 'BOOLEAN', value: 'true' }, 400],
    ['no days', LIFETIME, { type: 'INTEGER', value: 0 }, 400],
    ['half a day', LIFETIME, { type: 'INTEGER', value: 0.5 }, 400],
    ['another key’s id', LIFETIME, { type: 'INTEGER', id: 'x', value: 1 }, 400],
  ])('refuse %s', async (_, path, body, status) => {
    const { session: as } = await world.person('root', 'admin');
    const answer = await world.call('PUT', path, { as, body });
    expect([answer.status, answer.json()]).toEqual([
      status,
      { errorMessage: expect.any(String) as string, moreInfo: '', stackTrace: [] },
    ]);
  });

  it('are for administrators', async () => {
    const { session: as } = await world.person('mia', 'manage_all');
    const statuses = await Promise.all(
      ['GET', 'PUT', 'DELETE'].map(async (method) => (await world.call(method, ENABLED, { as })).status),
    );
    expect(statuses).toEqual([403, 403, 403]);
  });
});

describe('the token exchange', () => {
  const FORM = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:dremio:personal-access-token',
    scope: 'dremio.all',
  };
  const exchange = (fields: Record<string, string>) =>
    world.call('POST', '/oauth/token', {
      body: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });

  it('gives an access token for an hour that dies with the personal access token', async () => {
    const ada = await world.person('ada');
    const { tid, token } = await world.issue(ada);
    const answer = await exchange({ ...FORM, subject_token: token });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const granted = answer.json() as { readonly access_token: string; readonly expires_in: number };
    expect(granted).toEqual({
      access_token: expect.any(String) as string,
      expires_in: expect.any(Number) as number,
      token_type: 'Bearer',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'dremio.all',
    });
    expect(granted.expires_in).toBeGreaterThan(3590);
    expect(granted.expires_in).toBeLessThanOrEqual(3600);
    const me = async () => (await world.call('GET', '/api/v1/me', { as: granted.access_token })).status;
    expect(await me()).toBe(200);
    await world.revoke(tid);
    expect(await me()).toBe(401);
  });

  it('gives no more time than the personal access token has left', async () => {
    const ada = await world.person('ada');
    const { token } = await world.issue(ada, { lifetime: { ms: 90_000 } });
    const { expires_in: seconds } = (await exchange({ ...FORM, subject_token: token })).json() as {
      readonly expires_in: number;
    };
    expect(seconds).toBeGreaterThan(60);
    expect(seconds).toBeLessThanOrEqual(90);
  });

  it.each<[string, Record<string, string>, number, string]>([
    ['an unknown token', { subject_token: 'UNKNOWN' }, 400, 'invalid_grant'],
    ['nonsense', { subject_token: 'nonsense' }, 400, 'invalid_grant'],
    ['no token', {}, 400, 'invalid_request'],
    ['another grant', { subject_token: 'UNKNOWN', grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['no grant', { subject_token: 'UNKNOWN', grant_type: '' }, 400, 'unsupported_grant_type'],
    ['another kind of token', { subject_token: 'UNKNOWN', subject_token_type: 'x' }, 400, 'invalid_request'],
    ['another scope', { subject_token: 'UNKNOWN', scope: 'all' }, 400, 'invalid_scope'],
  ])('refuses %s', async (_, fields, status, error) => {
    const form: Record<string, string> = { ...FORM, ...fields };
    if (form['subject_token'] === 'UNKNOWN') form['subject_token'] = world.unknownToken();
    const answer = await exchange(form);
    expect([answer.status, answer.json()]).toEqual([
      status,
      { error, error_description: expect.any(String) as string },
    ]);
  });

  it('refuses a session token: an exchange can not be prolonged by another', async () => {
    const ada = await world.person('ada');
    const answer = await exchange({ ...FORM, subject_token: ada.session });
    expect([answer.status, answer.json()]).toMatchObject([400, { error: 'invalid_grant' }]);
  });

  it('refuses JSON, and repeated parameters', async () => {
    const json = await world.call('POST', '/oauth/token', { body: FORM });
    expect([json.status, json.json()]).toMatchObject([400, { error: 'invalid_request' }]);
    const repeated = await world.call('POST', '/oauth/token', {
      body: `${new URLSearchParams(FORM).toString()}&scope=dremio.all`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect([repeated.status, repeated.json()]).toMatchObject([400, { error: 'invalid_request' }]);
  });
});

describe('a token of an administrator', () => {
  it.each(['GET', 'PUT', 'DELETE'])('needs the scope "accounts" to %s a setting', async (method) => {
    const root = await world.person('root', 'admin');
    const path = '/apiv2/settings/auth.personal-access-tokens.enabled';
    const body = { type: 'BOOLEAN', value: true };
    const call = async (scopes: readonly Scope[]) => {
      const { token } = await world.issue(root, { scopes });
      return world.call(method, path, { as: token, ...(method === 'PUT' && { body }) });
    };
    expect((await call([])).status).toBe(403);
    expect((await call(['tokens'])).status).toBe(403);
    expect((await call(['accounts'])).status).toBe(method === 'DELETE' ? 204 : 200);
  });
});
