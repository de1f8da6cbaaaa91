import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { parseBearer } from '../../../src/login/bearer-message.ts';
import { createOauthVerifier, looksLikeJwt } from '../../../src/login/oauth-verifier.ts';
import {
  makeSigningKey,
  startIdentityProvider,
  type IdentityProvider,
} from '../../support/identity-provider.ts';
import { DEFAULT_THROTTLE, Throttle } from '../../../src/login/throttle.ts';
import { startLoginServer, type LoginServer } from '../../support/login-server.ts';
import { MemoryCredentials } from '../../support/memory-credentials.ts';
import { WireClient, type Verdict } from '../../support/wire-client.ts';

const credentials = new MemoryCredentials();
let provider: IdentityProvider;
let server: LoginServer;

const verifierFor = (changes: { jwksUrl?: string | null; userClaim?: string } = {}) =>
  createOauthVerifier(
    {
      issuer: provider.issuer,
      audience: 'patgate',
      jwksUrl: provider.jwksUrl,
      userClaim: 'email',
      scopes: ['openid', 'email'],
      ...changes,
    },
    systemClock,
  );

beforeAll(async () => {
  provider = await startIdentityProvider();
  server = await startLoginServer({ credentials });
  await credentials.addUser('ada', { password: 'right', defaultDatabase: 'sales' });
  await credentials.addUser('gone', { disabled: true });
});

beforeEach(() => {
  provider.failWith = null;
  server.deps = { ...server.deps, method: 'scram-sha-256', oauth: verifierFor() };
});

afterAll(async () => {
  await server.close();
  await provider.close();
});

const bearer = (token: string) => `n,,\u0001auth=Bearer ${token}\u0001\u0001`;

async function inCleartext(user: string, token: string): Promise<Verdict> {
  const client = await WireClient.connect({ port: server.port, tls: true });
  client.startup(user);
  await client.authentication();
  client.password(token);
  const verdict = await client.verdict();
  client.destroy();
  return verdict;
}

describe('a token that', () => {
  const seconds = () => Math.floor(Date.now() / 1000);
  const cases = [
    { title: 'is good', token: () => provider.token() },
    { title: 'names the user in another case', token: () => provider.token({ email: 'ADA@example.com' }) },
    { title: 'is for several audiences', token: () => provider.token({ aud: ['other', 'patgate'] }) },
    {
      title: 'has expired',
      token: () => provider.token({ exp: seconds() - 60 }),
      code: 'login.oauth_rejected',
    },
    { title: 'never expires', token: () => provider.token({ exp: undefined }), code: 'login.oauth_rejected' },
    {
      title: 'is not valid yet',
      token: () => provider.token({ nbf: seconds() + 600 }),
      code: 'login.oauth_rejected',
    },
    {
      title: 'is for another audience',
      token: () => provider.token({ aud: 'other' }),
      code: 'login.oauth_rejected',
    },
    {
      title: 'is for no audience',
      token: () => provider.token({ aud: undefined }),
      code: 'login.oauth_rejected',
    },
    {
      title: 'is of another issuer',
      token: () => provider.token({ iss: 'https://evil.example' }),
      code: 'login.oauth_rejected',
    },
    {
      title: 'names nobody',
      token: () => provider.token({ email: undefined }),
      code: 'login.oauth_rejected',
    },
    { title: 'names a number', token: () => provider.token({ email: 7 }), code: 'login.oauth_rejected' },
    {
      title: 'has an address that nobody checked',
      token: () => provider.token({ email_verified: false }),
      code: 'login.oauth_rejected',
    },
    {
      title: 'has an address that nobody checked, as text',
      token: () => provider.token({ email_verified: 'false' }),
      code: 'login.oauth_rejected',
    },
    {
      title: 'names an unknown user',
      token: () => provider.token({ email: 'eve@example.com' }),
      code: 'login.unknown_user',
    },
    {
      title: 'names a disabled user',
      token: () => provider.token({ email: 'gone@example.com' }),
      code: 'login.owner_disabled',
    },
    {
      title: 'is signed by another key',
      token: async () => provider.token({}, await makeSigningKey('first')),
      code: 'login.oauth_rejected',
    },
    {
      title: 'is signed by an unknown key',
      token: async () => provider.token({}, await makeSigningKey('second')),
      code: 'login.oauth_rejected',
    },
    {
      title: 'is signed by nobody',
      token: async () => unsigned(await provider.token()),
      code: 'login.oauth_rejected',
    },
    {
      title: 'was changed',
      token: async () => changed(await provider.token()),
      code: 'login.oauth_rejected',
    },
  ];
  test.each(cases)('$title', async ({ token, code }) => {
    const verdict = await inCleartext('$token', await token());
    const ending = await server.ending();
    if (code === undefined) {
      expect(verdict).toEqual({ ok: true });
      expect(ending).toMatchObject({
        principal: {
          name: 'ada',
          provedBy: 'oauth',
          mechanism: 'cleartext',
          token: null,
          defaultDatabase: 'sales',
        },
      });
    } else {
      expect(verdict).toMatchObject({
        sqlState: '28P01',
        message: 'password authentication failed for user "$token"',
      });
      expect(ending).toMatchObject({ error: { code } });
    }
  });
});

test('comes as the password of a named user too, where passwords come in cleartext', async () => {
  server.deps = { ...server.deps, method: 'cleartext' };
  expect(await inCleartext('whoever', await provider.token())).toEqual({ ok: true });
  expect(await server.ending()).toMatchObject({ principal: { name: 'ada', provedBy: 'oauth' } });
});

test('means nothing where no provider is configured', async () => {
  const { oauth: _, ...rest } = server.deps;
  server.deps = rest;
  expect(await inCleartext('$token', await provider.token())).toMatchObject({ sqlState: '28P01' });
  expect(await server.ending()).toMatchObject({ error: { code: 'login.not_a_token' } });
});

describe('OAUTHBEARER', () => {
  async function offered(tls: boolean, user = 'ada'): Promise<{ client: WireClient; mechanisms: string[] }> {
    const client = (await WireClient.connect({ port: server.port, tls })).startup(user);
    const { data } = await client.authentication();
    return {
      client,
      mechanisms: data
        .toString()
        .split('\0')
        .filter((name) => name !== ''),
    };
  }

  test('is offered last, over TLS only, where a provider is configured', async () => {
    const encrypted = await offered(true);
    expect(encrypted.mechanisms).toEqual(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'OAUTHBEARER']);
    const plain = await offered(false);
    expect(plain.mechanisms).toEqual(['SCRAM-SHA-256']);
    const { oauth: _, ...rest } = server.deps;
    server.deps = rest;
    const without = await offered(true);
    expect(without.mechanisms).toEqual(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']);
    for (const { client } of [encrypted, plain, without]) {
      client.destroy();
      await server.ending();
    }
  });

  test('is all that $oauth is offered', async () => {
    const { client, mechanisms } = await offered(true, '$oauth');
    expect(mechanisms).toEqual(['OAUTHBEARER']);
    client.saslInitial('OAUTHBEARER', bearer(await provider.token()));
    expect(await client.verdict()).toEqual({ ok: true });
    expect(await server.ending()).toMatchObject({ principal: { name: 'ada', mechanism: 'oauthbearer' } });
    client.destroy();
  });

  test.each([
    ['without TLS', false, 'login.tls_required', 'TLS is required to log in as "$oauth"'],
    ['without a provider', true, 'login.method_unavailable', 'no identity provider is configured here'],
  ])('is not asked of $oauth %s', async (_title, tls, code, message) => {
    if (tls) {
      const { oauth: _, ...rest } = server.deps;
      server.deps = rest;
    }
    const client = (await WireClient.connect({ port: server.port, tls })).startup('$oauth');
    expect(await client.verdict()).toMatchObject({
      sqlState: '28000',
      message: expect.stringContaining(message) as string,
    });
    expect(await server.ending()).toMatchObject({ error: { code } });
    client.destroy();
  });

  test('logs in', async () => {
    const { client } = await offered(true);
    client.saslInitial('OAUTHBEARER', bearer(await provider.token()));
    expect(await client.verdict()).toEqual({ ok: true });
    expect(await server.ending()).toMatchObject({
      principal: { name: 'ada', provedBy: 'oauth', mechanism: 'oauthbearer' },
    });
    client.destroy();
  });

  test('takes a token of 40,000 bytes', async () => {
    const { client } = await offered(true);
    client.saslInitial('OAUTHBEARER', bearer(await provider.token({ groups: 'x'.repeat(30_000) })));
    expect(await client.verdict()).toEqual({ ok: true });
    await server.ending();
    client.destroy();
  });

  test.each([
    { title: 'asked for discovery', message: () => Promise.resolve('n,,\u0001auth=\u0001\u0001') },
    { title: 'given a bad token', message: async () => bearer(changed(await provider.token())) },
  ])('says where to get a token when $title', async ({ message }) => {
    const { client } = await offered(true);
    client.saslInitial('OAUTHBEARER', await message());
    const { request, data } = await client.authentication();
    expect(request).toBe(11);
    expect(JSON.parse(data.toString())).toEqual({
      status: 'invalid_token',
      'openid-configuration': `${provider.issuer}/.well-known/openid-configuration`,
      scope: 'openid email',
    });
    client.saslResponse('\u0001');
    expect(await client.verdict()).toMatchObject({
      sqlState: '28000',
      message: 'OAuth bearer authentication failed for user "ada"',
    });
    expect(await server.ending()).toMatchObject({ error: { code: 'login.oauth_rejected' } });
  });

  test('lets a client leave after discovery', async () => {
    const { client } = await offered(true);
    client.saslInitial('OAUTHBEARER', 'n,,\u0001auth=\u0001\u0001');
    await client.authentication();
    client.end();
    expect(await server.ending()).toEqual({ kind: 'left' });
    client.destroy();
  });

  test.each<[string, (client: WireClient, deadline: AbortController) => unknown]>([
    ['leaves', (client) => client.end()],
    ['says something else', (client) => client.saslResponse('x')],
    ['sends another message', (client) => client.send(Buffer.from('Q\0\0\0\x05\0', 'latin1'))],
    ['sends half a message', (client) => client.send(Buffer.of(112, 0, 0)).end()],
    ['is silent until the deadline', (_client, deadline) => deadline.abort()],
  ])('refuses a token, and counts that, when the client then %s', async (_title, answer) => {
    const { throttle } = server.deps;
    const deadline = new AbortController();
    server.deadline = deadline.signal;
    server.deps = { ...server.deps, throttle: new Throttle(systemClock, { ...DEFAULT_THROTTLE, free: 0 }) };
    const { client } = await offered(true);
    client.saslInitial('OAUTHBEARER', bearer(await provider.token({ email: 'gone@example.com' })));
    await client.authentication();
    answer(client, deadline);
    expect(await server.ending()).toMatchObject({ error: { code: 'login.owner_disabled' } });
    client.destroy();
    server.deadline = new AbortController().signal;
    const next = (await WireClient.connect({ port: server.port, tls: true })).startup('ada');
    expect(await next.verdict()).toMatchObject({ ok: false });
    expect(await server.ending()).toMatchObject({ error: { code: 'login.throttled' } });
    next.destroy();
    server.deps = { ...server.deps, throttle };
  });

  test.each([
    ['n,,\u0001auth=Bearer abc\u0001\u0001', 'abc'],
    ['y,,\u0001auth=bearer  abc==\u0001\u0001', 'abc=='],
    ['n,,\u0001host=a\u0001port=1\u0001auth=Bearer abc\u0001\u0001', 'abc'],
    ['n,,\u0001auth=\u0001\u0001', null],
  ])('%j', (text, token) => {
    expect(parseBearer(Buffer.from(text))).toBe(token);
  });

  test.each([
    ['', '08P01'],
    ['n,,', '08P01'],
    ['n,,\u0001', '08P01'],
    ['n,,\u0001\u0001', '08P01'],
    ['n,,\u0001auth=Bearer abc', '08P01'],
    ['n,,\u0001auth=Bearer abc\u0001', '08P01'],
    ['n,,auth=Bearer abc\u0001\u0001', '08P01'],
    ['n,a=eve,\u0001auth=Bearer abc\u0001\u0001', '0A000'],
    ['p=tls-server-end-point,,\u0001auth=Bearer abc\u0001\u0001', '08P01'],
    ['n,,\u0001auth=Bearer abc\u0001auth=Bearer abd\u0001\u0001', '08P01'],
    ['n,,\u0001auth=Basic abc\u0001\u0001', '08P01'],
    ['n,,\u0001auth=Bearer\u0001\u0001', '08P01'],
    ['n,,\u0001auth=Bearer a b\u0001\u0001', '08P01'],
    ['n,,\u0001auth=Bearer abc\u0001\u0001x', '08P01'],
  ])('%j is malformed', (text, sqlState) => {
    expect(() => parseBearer(Buffer.from(text))).toThrow(
      expect.objectContaining({ client: expect.objectContaining({ sqlState }) as unknown }) as Error,
    );
  });
});

describe('keys of the provider', () => {
  test('are found by its discovery document', async () => {
    server.deps = { ...server.deps, oauth: verifierFor({ jwksUrl: null }) };
    provider.asked.length = 0;
    expect(await inCleartext('$token', await provider.token())).toEqual({ ok: true });
    await server.ending();
    expect(provider.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  test('are fetched once', async () => {
    provider.asked.length = 0;
    for (let i = 0; i < 3; i += 1) {
      expect(await inCleartext('$token', await provider.token())).toEqual({ ok: true });
      await server.ending();
    }
    expect(provider.asked).toEqual(['/keys']);
  });

  test.each([{ jwksUrl: null }, {}])(
    'that can not be had: 57P03, and asked for again next time, %j',
    async (changes) => {
      server.deps = { ...server.deps, oauth: verifierFor(changes) };
      provider.failWith = 503;
      expect(await inCleartext('$token', await provider.token())).toMatchObject({
        sqlState: '57P03',
        message: 'logins are unavailable: the identity provider can not be reached',
      });
      expect(await server.ending()).toMatchObject({ error: { code: 'login.oauth_unavailable' } });
      provider.failWith = null;
      expect(await inCleartext('$token', await provider.token())).toEqual({ ok: true });
      await server.ending();
    },
  );
});

test('the user may be named by another claim', async () => {
  server.deps = { ...server.deps, oauth: verifierFor({ userClaim: 'preferred_username' }) };
  expect(
    await inCleartext('$token', await provider.token({ preferred_username: 'ada', email: 'x' })),
  ).toEqual({ ok: true });
  await server.ending();
});

test('passwords and our own tokens never look like a JWT', async () => {
  expect(looksLikeJwt(await provider.token())).toBe(true);
  for (const text of ['eyJ', 'eyJhbGciOiJub25lIn0.e30', 'a.b.c', 'pat_0.1.2', ''])
    expect(looksLikeJwt(text)).toBe(false);
});

/** RFC 7515, appendix A.5. */
function unsigned(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  return `${header}.${token.split('.')[1] ?? ''}.AA`;
}

function changed(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const other = Buffer.from(JSON.stringify({ ...claims, extra: 1 })).toString('base64url');
  return `${header}.${other}.${signature}`;
}
