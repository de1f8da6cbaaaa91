import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import type { AuditAction, AuditRow } from '../../src/store/audit.ts';
import { BEHIND_PROXY, connectBehind, connectFrom, proxyHeader } from '../support/behind-proxy.ts';
import { runHere } from '../support/command-line.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startGateway, type TestGateway, type TestToken, type TestUser } from '../support/gateway.ts';
import { startIdentityProvider, type IdentityProvider } from '../support/identity-provider.ts';
import { errorFields, WireClient } from '../support/wire-client.ts';

const ADMIN = systemActor('networks test');
const OFFICE = ['203.0.113.0/24', '2001:db8:1::/48'];
const INSIDE = '203.0.113.7';
const INSIDE_6 = '2001:db8:1::7';
const OUTSIDE = '198.51.100.9';
const OUTSIDE_6 = '2001:db8:2::9';

let provider: IdentityProvider;
let gateway: TestGateway;
let root: TestUser;
let ada: TestUser;
let bob: TestUser;
let token: TestToken;
beforeAll(async () => {
  provider = await startIdentityProvider();
  gateway = await startGateway({
    ...BEHIND_PROXY,
    'login.throttle_free': '1000',
    'oauth.issuer': provider.issuer,
    'oauth.audience': 'patgate',
  });
  root = await gateway.addUser('root');
  await gateway.services.accounts.grant(ADMIN, 'admin', { kind: 'user', name: 'root' });
  ada = await gateway.addUser('ada', { email: 'ada@example.com' });
  bob = await gateway.addUser('bob');
  token = await gateway.issueToken(ada, { label: 'laptop', networks: OFFICE });
});
afterAll(async () => {
  await gateway.stop();
  await provider.close();
});
afterEach(async () => {
  await setPolicy(null);
  await setUser(ada, null);
});

const setPolicy = (networks: readonly string[] | null) => gateway.services.policy.set(ADMIN, { networks });
const setUser = ({ uid }: TestUser, networks: readonly string[] | null) =>
  gateway.services.accounts.setUser(ADMIN, uid, { networks });

/** What a page's first form holds, but for boxes, which are left unticked. */
function fieldsOf(html: string): Record<string, string> {
  const inputs = [...html.matchAll(/<input([^>]*)>/g)].map(([, text = '']) => {
    const attribute = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1];
    return { name: attribute('name') ?? '', value: attribute('value') ?? '', type: attribute('type') };
  });
  const filled = inputs.filter(({ type, name }) => type !== 'checkbox' && name !== '');
  return Object.fromEntries(filled.map(({ name, value }) => [name, value]));
}

async function lastRow(action: AuditAction): Promise<AuditRow | undefined> {
  const [row] = await gateway.services.audit.list({ action, limit: 1 });
  return row;
}

const lastReason = async (action: AuditAction): Promise<unknown> => (await lastRow(action))?.reason;

describe('a SQL login', () => {
  const POLICY = {
    message: /^user "ada" may not log in from address \S+: connect from one of the networks that the policy/,
    reason: 'login.policy_network_not_allowed',
  };
  const USER = {
    message: /^user "ada" may not log in from address \S+: connect from one of that user's networks or ask/,
    reason: 'login.user_network_not_allowed',
  };
  const TOKEN = {
    message: /^token "laptop" may not be used from address \S+: connect from one of its networks or ask/,
    reason: 'login.network_not_allowed',
  };
  const password = () => ['ada', ada.password] as const;
  const asToken = () => ['$token', token.token] as const;
  const withToken = () => ['ada', token.token] as const;
  const byId = () => [`$token.${token.tid}`, token.token] as const;

  describe.each<
    [
      string,
      { policy?: readonly string[]; user?: readonly string[] },
      () => readonly [string, string],
      typeof POLICY | null,
    ]
  >([
    ['by password where there is no rule', {}, password, null],
    ['by password under a policy', { policy: OFFICE }, password, POLICY],
    ['by password of a user with networks', { user: OFFICE }, password, USER],
    ['by password of such a user under a policy', { user: OFFICE, policy: OFFICE }, password, POLICY],
    ['by token', {}, asToken, TOKEN],
    ['by token under a policy', { policy: OFFICE }, withToken, POLICY],
    ['by token over SCRAM of a user with networks', { user: OFFICE }, byId, USER],
  ])('%s', (_what, { policy = null, user = null }, who, refusal) => {
    it.each([INSIDE, INSIDE_6, `::ffff:${INSIDE}`])('from %s opens a session', async (address) => {
      await setPolicy(policy);
      await setUser(ada, user);
      const { client } = await connectFrom(address, gateway, ...who());
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      await client.end();
    });

    it.each([OUTSIDE, OUTSIDE_6])('from %s is refused by the first rule that forbids it', async (address) => {
      await setPolicy(policy);
      await setUser(ada, user);
      const session = connectFrom(address, gateway, ...who());
      if (refusal === null) {
        await (await session).client.end();
        return;
      }
      await expect(session).rejects.toMatchObject({
        code: '28000',
        message: expect.stringMatching(refusal.message) as string,
      });
      await expect
        .poll(() => lastRow('login'))
        .toMatchObject({ outcome: 'refused', reason: refusal.reason, address, actor: { uid: ada.uid } });
    });
  });

  it('says nothing of rules to who has not proved the whole secret', async () => {
    await setPolicy(OFFICE);
    await setUser(ada, OFFICE);
    for (const [user, secret] of [
      ['ada', 'not the password'],
      ['ada', `${token.token.slice(0, -1)}_`],
      ['nobody', ada.password],
      ['bob', token.token],
    ] as const) {
      await expect(connectFrom(OUTSIDE, gateway, user, secret)).rejects.toMatchObject({
        code: '28P01',
        message: `password authentication failed for user "${user}"`,
      });
    }
  });
});

describe('a login by the identity provider’s token', () => {
  const POLICY = ['login.policy_network_not_allowed', /one of the networks that the policy allows/] as const;
  const USER = ['login.user_network_not_allowed', /one of that user's networks/] as const;
  const bearer = (jwt: string) => `n,,\u0001auth=Bearer ${jwt}\u0001\u0001`;

  async function begin(address: string, user: string): Promise<WireClient> {
    const header = proxyHeader(address);
    const client = await WireClient.connect({ port: gateway.port, tls: true, header });
    onTestFinished(() => client.destroy());
    client.startup(user, gateway.engine.name);
    await client.authentication();
    return client;
  }

  const byBearer = async (address: string, user: string, jwt: string) =>
    (await begin(address, user)).saslInitial('OAUTHBEARER', bearer(jwt));
  const inCleartext = async (address: string, user: string, jwt: string) =>
    (await begin(address, user)).password(jwt);

  describe.each([
    ['over OAUTHBEARER as $oauth', '$oauth', byBearer],
    ['over OAUTHBEARER as a named user', 'ada', byBearer],
    ['in cleartext as $token', '$token', inCleartext],
  ] as const)('%s', (_how, user, logIn) => {
    it.each([
      ['the policy', () => setPolicy(OFFICE), POLICY],
      ['the user', () => setUser(ada, OFFICE), USER],
    ])('is held to the networks of %s', async (_whose, change, [reason, message]) => {
      await change();
      const jwt = await provider.token();
      for (const address of [INSIDE, `::ffff:${INSIDE}`, INSIDE_6]) {
        expect(await (await logIn(address, user, jwt)).verdict()).toEqual({ ok: true });
      }
      for (const address of [OUTSIDE, OUTSIDE_6]) {
        expect(await (await logIn(address, user, jwt)).verdict()).toMatchObject({
          sqlState: '28000',
          message: expect.stringMatching(message) as string,
        });
        await expect
          .poll(() => lastRow('login'))
          .toMatchObject({
            outcome: 'refused',
            reason,
            address,
            actor: { uid: ada.uid, name: 'ada', via: 'oauth' },
          });
      }
    });
  });

  it('says nothing of rules where the token is not good', async () => {
    await setPolicy(OFFICE);
    const client = await byBearer(OUTSIDE, '$oauth', await provider.token({ aud: 'other' }));
    expect(JSON.parse((await client.authentication()).data.toString())).toMatchObject({
      status: 'invalid_token',
    });
    client.saslResponse(Buffer.of(1));
    expect(await client.verdict()).toMatchObject({
      sqlState: '28000',
      message: 'OAuth bearer authentication failed for user "$oauth"',
    });
  });

  it('opens a session that ends when its address is allowed no more', async () => {
    const client = await byBearer(OUTSIDE, '$oauth', await provider.token());
    expect(await client.verdict()).toEqual({ ok: true });
    await setUser(ada, OFFICE);
    expect(await client.verdict()).toMatchObject({ sqlState: '57P01' });
  });
});

describe('what was exchanged for a token with networks', () => {
  it('is good where that is, by HTTP and by every way of SQL', async () => {
    const exchanged = await fetch(`${gateway.info.http?.url ?? ''}/oauth/token`, {
      method: 'POST',
      headers: { 'x-forwarded-for': INSIDE },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:ietf:params:oauth:token-type:dremio:personal-access-token',
        subject_token: token.token,
      }),
    });
    const { access_token: access = '' } = (await exchanged.json()) as { access_token?: string };
    const me = (address: string) =>
      fetch(`${gateway.info.http?.url ?? ''}/api/v1/me`, {
        headers: { authorization: `Bearer ${access}`, 'x-forwarded-for': address },
      });
    expect((await me(INSIDE)).status).toBe(200);
    const barred = await me(OUTSIDE);
    expect([barred.status, await barred.json()]).toMatchObject([403, { code: 'login.network_not_allowed' }]);
    for (const user of ['$token', 'ada']) {
      await (await connectFrom(INSIDE_6, gateway, user, access)).client.end();
      await expect(connectFrom(OUTSIDE, gateway, user, access)).rejects.toMatchObject({
        code: '28000',
        message: expect.stringContaining('token "laptop" may not be used from address') as string,
      });
    }
  });
});

describe('a balancer that does not say whom it speaks for', () => {
  const V2 = '0d0a0d0a000d0a515549540a';
  it.each<[string, string | Buffer]>([
    ['version 1, UNKNOWN', 'PROXY UNKNOWN\r\n'],
    ['version 1, UNKNOWN with the words of an address', `PROXY UNKNOWN ${INSIDE} ${INSIDE} 1 2\r\n`],
    ['version 2, LOCAL', Buffer.from(`${V2}20000000`, 'hex')],
    ['version 2, LOCAL with an address', Buffer.from(`${V2}2011000ccb007107cb00710700010002`, 'hex')],
    ['version 2, unspecified', Buffer.from(`${V2}21000000`, 'hex')],
  ])('is met by the rules at its own address: %s', async (_what, header) => {
    await setUser(ada, OFFICE);
    await expect(connectBehind(header, gateway, 'ada', ada.password)).rejects.toMatchObject({
      code: '28000',
    });
    await expect.poll(() => lastRow('login')).toMatchObject({ outcome: 'refused', address: '127.0.0.1' });
    await setUser(ada, ['127.0.0.1']);
    await (await connectBehind(header, gateway, 'ada', ada.password)).client.end();
  });
});

describe('a login under way', () => {
  it.each([
    ['the user’s networks', () => setUser(ada, OFFICE), 'session.user_network_not_allowed'],
    ['the policy’s networks', () => setPolicy(OFFICE), 'session.policy_network_not_allowed'],
  ])('comes to nothing when %s change after they were read', async (_what, change, reason) => {
    const before = await connectFrom(OUTSIDE, gateway, 'ada', ada.password);
    const header = proxyHeader(OUTSIDE_6);
    const client = await WireClient.connect({ port: gateway.port, tls: true, header });
    onTestFinished(() => client.destroy());
    client.startup('ada', gateway.engine.name);
    await client.scram(ada.password, {
      // The challenge was made from what the store had; the session that is ended shows that the change is known since.
      beforeProof: async () => {
        await change();
        await before.ended;
      },
    });
    const errors = (await client.rest()).filter(({ type }) => type === 'E');
    expect(errors.map(({ body }) => errorFields(body).sqlState)).toEqual(['57P01']);
    await expect
      .poll(() => lastRow('session.close'))
      .toMatchObject({ reason, address: OUTSIDE_6, actor: { uid: ada.uid } });
  });
});

describe('a session that runs', () => {
  it.each([
    [
      'its user’s networks',
      () => setUser(ada, OFFICE),
      'session.user_network_not_allowed',
      /one of that user's networks/,
    ],
    [
      'the policy’s networks',
      () => setPolicy(OFFICE),
      'session.policy_network_not_allowed',
      /that the policy allows/,
    ],
  ])('ends when %s have its address no more, and others go on', async (_what, change, reason, message) => {
    const outside = await Promise.all([
      connectFrom(OUTSIDE, gateway, 'ada', ada.password),
      connectFrom(OUTSIDE_6, gateway, 'ada', (await gateway.issueToken(ada)).token),
    ]);
    const inside = await connectFrom(INSIDE, gateway, 'ada', ada.password);
    await change();
    for (const { ended } of outside) {
      expect(await ended).toEqual({ code: '57P01', message: expect.stringMatching(message) as string });
    }
    await expect.poll(() => lastReason('session.close')).toBe(reason);
    expect((await inside.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await inside.client.end();
  });

  it('of another user goes on', async () => {
    const other = await connectFrom(OUTSIDE, gateway, 'bob', bob.password);
    const own = await connectFrom(OUTSIDE, gateway, 'ada', ada.password);
    await setUser(ada, OFFICE);
    await own.ended;
    expect((await other.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await other.client.end();
  });

  it('ends on every replica and in every worker', async () => {
    const replica = await startGatewayProcess({ ...BEHIND_PROXY, workers: '2' });
    try {
      const eve = await replica.addUser('eve');
      const sessions = await Promise.all(
        [1, 2, 3, 4].map(() => connectFrom(OUTSIDE, replica, 'eve', eve.password)),
      );
      // By the test's own services, which stand for the other replica.
      await replica.services.policy.set(ADMIN, { networks: OFFICE });
      for (const { ended } of sessions) expect(await ended).toMatchObject({ code: '57P01' });
    } finally {
      await replica.stop();
    }
  });
});

describe('over HTTP', () => {
  const call = async (
    address: string,
    method: string,
    path: string,
    {
      bearer,
      cookie,
      body,
      form,
    }: { bearer?: string; cookie?: string; body?: unknown; form?: Record<string, string> } = {},
  ) => {
    const url = `${gateway.info.http?.url ?? ''}${path}`;
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        'x-forwarded-for': address,
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        ...(cookie !== undefined && { cookie }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(form !== undefined && { origin: gateway.info.http?.url ?? '' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(form !== undefined && { body: new URLSearchParams(form) }),
    });
    return {
      status: answer.status,
      cookie: answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '',
      text: await answer.text(),
    };
  };
  const signIn = async (address: string, { name, password }: TestUser) => {
    const { status, text } = await call(address, 'POST', '/api/v1/session', { body: { name, password } });
    return { status, ...(JSON.parse(text) as { token?: string; code?: string; detail?: string }) };
  };

  it('a bearer from elsewhere is told which rule forbids it, and stays good where it is allowed', async () => {
    const open = await gateway.issueToken(ada);
    await setUser(ada, OFFICE);
    for (const address of [OUTSIDE, OUTSIDE, OUTSIDE_6]) {
      const refused = await call(address, 'GET', '/api/v1/me', { bearer: open.token });
      expect(refused.status).toBe(403);
      expect(JSON.parse(refused.text)).toMatchObject({
        code: 'login.user_network_not_allowed',
        detail: `Your address ${address} is in none of the networks that you may log in from. Connect from one of them, or ask an administrator.`,
      });
      expect((await call(INSIDE, 'GET', '/api/v1/me', { bearer: open.token })).status).toBe(200);
    }
    await expect.poll(() => lastReason('http.bearer')).toBe('login.user_network_not_allowed');
    const limited = await call(OUTSIDE, 'GET', '/api/v1/me', { bearer: token.token });
    expect(JSON.parse(limited.text)).toMatchObject({ status: 403, code: 'login.user_network_not_allowed' });
    await setUser(ada, null);
    await expect
      .poll(async () => (await call(OUTSIDE, 'GET', '/api/v1/me', { bearer: token.token })).text)
      .toContain('login.network_not_allowed');
  });

  it('each facade tells it in its own form', async () => {
    const { token: bearer } = await gateway.issueToken(ada);
    await setPolicy(OFFICE);
    const told = /is in none of the networks that the policy allows/;
    const databricks = await call(OUTSIDE, 'GET', '/api/2.0/token/list', { bearer });
    expect(databricks.status).toBe(403);
    expect(JSON.parse(databricks.text)).toMatchObject({
      error_code: 'PERMISSION_DENIED',
      message: expect.stringMatching(told) as string,
    });
    const dremio = await call(OUTSIDE, 'POST', '/apiv2/login', {
      body: { userName: 'ada', password: ada.password },
    });
    expect([dremio.status, dremio.text]).toEqual([403, expect.stringMatching(told)]);
    const datahub = await call(OUTSIDE, 'POST', '/api/graphql', {
      bearer,
      body: { query: '{ me { __typename } }' },
    });
    expect([datahub.status, datahub.text]).toEqual([403, expect.stringMatching(told)]);
    const exchange = await call(OUTSIDE, 'POST', '/oauth/token', {
      form: {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:ietf:params:oauth:token-type:dremio:personal-access-token',
        subject_token: bearer,
      },
    });
    expect([exchange.status, exchange.text]).toEqual([400, expect.stringMatching(told)]);
    expect(JSON.parse(exchange.text)).toMatchObject({ error: 'invalid_grant' });
  });

  it('a password opens no session from elsewhere, a wrong one tells nothing, and a session does not travel', async () => {
    await setPolicy(OFFICE);
    const wrong = { ...ada, password: 'not the password' };
    expect(await signIn(OUTSIDE, wrong)).toMatchObject({ status: 401, code: 'request.unauthenticated' });
    expect(await signIn(OUTSIDE, ada)).toMatchObject({
      status: 403,
      code: 'login.policy_network_not_allowed',
    });
    await expect.poll(() => lastReason('http.login')).toBe('login.policy_network_not_allowed');
    const { token: session = '' } = await signIn(INSIDE, ada);
    expect((await call(INSIDE, 'GET', '/api/v1/me', { bearer: session })).status).toBe(200);
    expect((await call(OUTSIDE, 'GET', '/api/v1/me', { bearer: session })).status).toBe(403);
  });

  it('the page lets nobody in from elsewhere, and ends at once for who is signed in', async () => {
    await setUser(ada, OFFICE);
    const form = { name: 'ada', password: ada.password, next: '/tokens' };
    const refused = await call(OUTSIDE, 'POST', '/sign-in', { form });
    expect(refused.status).toBe(403);
    expect(refused.text).toContain(
      `Your address ${OUTSIDE} is in none of the networks that you may log in from`,
    );
    await setUser(ada, null);
    const { status, cookie } = await call(OUTSIDE, 'POST', '/sign-in', { form });
    expect(status).toBe(303);
    expect((await call(OUTSIDE, 'GET', '/tokens', { cookie })).status).toBe(200);
    await setUser(ada, OFFICE);
    const barred = await call(OUTSIDE, 'GET', '/tokens', { cookie });
    expect([barred.status, barred.text]).toEqual([403, expect.stringContaining('Not from here')]);
    const again = await call(OUTSIDE, 'GET', '/sign-in', { cookie });
    expect([again.status, again.text]).toEqual([403, expect.stringContaining('User name or e-mail')]);
    expect((await call(INSIDE, 'GET', '/tokens', { cookie })).status).toBe(200);
  });

  it.each([
    ['the policy’s', () => '/admin/policy'],
    ['one’s own', () => `/admin/users/${root.uid}`],
  ])('the page sets %s networks, after asking who would be shut out', async (_whose, path) => {
    const { cookie } = await call(INSIDE, 'POST', '/sign-in', {
      form: { name: 'root', password: root.password, next: '/tokens' },
    });
    const filled = fieldsOf((await call(INSIDE, 'GET', path(), { cookie })).text);
    const save = (more: Record<string, string>) =>
      call(INSIDE, 'POST', path(), { cookie, form: { ...filled, ...more } });
    expect((await save({ networks: `${INSIDE}\n2001:db8::/32` })).status).toBe(303);
    const shown = (await call(INSIDE, 'GET', path(), { cookie })).text;
    expect(shown).toContain(`${INSIDE}/32\n2001:db8::/32</textarea>`);
    const { version = '' } = fieldsOf(shown);
    const refused = await save({ version, networks: OUTSIDE });
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('would shut you out')]);
    expect(refused.text).toContain('name="force"');
    expect((await save({ version, networks: OUTSIDE, force: 'yes' })).status).toBe(303);
    expect((await call(INSIDE, 'GET', path(), { cookie })).status).toBe(403);
    await setUser(root, null);
  });

  it('an administrator is not shut out by mistake, and comes back by the command line', async () => {
    const { token: bearer = '' } = await signIn(INSIDE, root);
    const elsewhere = { networks: ['192.0.2.1'] };
    const set = (path: string, body: unknown) => call(INSIDE, 'PATCH', path, { bearer, body });
    for (const path of ['/api/v1/policy', `/api/v1/users/${root.uid}`]) {
      const refused = await set(path, elsewhere);
      expect(refused.status).toBe(409);
      expect(JSON.parse(refused.text)).toMatchObject({
        code: 'request.locks_out',
        detail: expect.stringContaining(`Your address ${INSIDE} is in none of these networks`) as string,
      });
    }
    expect((await set('/api/v1/policy', { networks: [INSIDE, '192.0.2.1'] })).status).toBe(200);
    expect((await set(`/api/v1/users/${ada.uid}`, elsewhere)).status).toBe(200);
    const forced = await set('/api/v1/policy?force=true', elsewhere);
    expect(JSON.parse(forced.text)).toMatchObject({ networks: ['192.0.2.1/32'] });
    expect((await set('/api/v1/policy', { networks: null })).status).toBe(403);
    const ran = await runHere(['policy', 'set', '--networks', 'any'], { environment: gateway.environment });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    await expect
      .poll(async () => (await set('/api/v1/policy', { networks: [] })).text)
      .toContain('"networks":null');
  });
});

describe('the command line', () => {
  const patgate = (...args: string[]) => runHere(args, { environment: gateway.environment });

  it('sets, shows and takes away networks', async () => {
    const user = async () =>
      JSON.parse((await patgate('user', 'show', 'ada', '-o', 'json')).stdout) as object;
    expect(
      await patgate('user', 'set', 'ada', '--network', INSIDE, '--network', '2001:DB8::/32'),
    ).toMatchObject({
      code: 0,
    });
    expect(await user()).toMatchObject({ networks: [`${INSIDE}/32`, '2001:db8::/32'] });
    await patgate('user', 'set', 'ada', '--any-network');
    expect(await user()).toMatchObject({ networks: null });
    expect(await patgate('user', 'set', 'ada', '--network', 'office')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"office" is no IP address or network') as string,
    });
    await patgate('policy', 'set', '--networks', OFFICE.join(','));
    const shown = await patgate('policy', 'show');
    expect(shown.stdout).toMatch(/networks +203\.0\.113\.0\/24,2001:db8:1::\/48/);
    expect(await patgate('policy', 'set', '--networks', '10.0.0.0/8,office')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"office" is no address or network') as string,
    });
  });

  it('explains which rule stands in the way', async () => {
    await setPolicy([...OFFICE, OUTSIDE]);
    await setUser(ada, [...OFFICE, OUTSIDE_6]);
    const ran = await patgate(
      'explain',
      '--user',
      'ada',
      '--token',
      token.tid,
      '--from',
      OUTSIDE,
      '-o',
      'json',
    );
    expect(ran.code).toBe(1);
    const rules = JSON.parse(ran.stdout) as { rule: string; passes: boolean }[];
    const verdicts = Object.fromEntries(rules.map(({ rule, passes }) => [rule, passes]));
    expect(verdicts).toMatchObject({ 'policy network': true, 'user network': false, 'token network': false });
    expect(await patgate('explain', '--user', 'ada', '--from', INSIDE)).toMatchObject({ code: 0 });
  });

  it('says which flag is out of bounds', async () => {
    expect(await patgate('policy', 'set', '--max-lifetime', '999999d')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--max-lifetime must be from 1 second to 3650 days') as string,
    });
    expect(await patgate('policy', 'set', '--max-lifetime', '1d', '--default-lifetime', '2d')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--default-lifetime must not be over --max-lifetime') as string,
    });
  });
});
