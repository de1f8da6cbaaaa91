import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWorld, type Person, type World } from './support/world.ts';

let world: World;
let admin: Person;
beforeAll(async () => {
  world = await startWorld('hostile');
  admin = await world.person('root', 'admin');
});
afterAll(() => world.close());

/** Sends bytes as they are and reads until the server closes. */
async function raw(bytes: string): Promise<string> {
  const { port } = new URL(world.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(bytes);
  return text(socket);
}

describe('a raw token', () => {
  /** Each way to make one, by the facade. */
  async function makeAll(): Promise<readonly string[]> {
    const { session: as, name, uid } = await world.person('ada');
    const post = async (path: string, body: object) => (await world.call('POST', path, { as, body })).text;
    const native = JSON.parse(await post('/api/v1/tokens', { label: 'native' })) as {
      token: string;
      info: { tid: string };
    };
    const rotated = JSON.parse(await post(`/api/v1/tokens/${native.info.tid}/rotate`, {})) as {
      token: string;
    };
    const cloud = await post(`/v0/user/${uid}/token`, { label: 'cloud' });
    const software = await post(`/api/v3/user/${uid}/token`, { label: 'software' });
    const databricks = JSON.parse(await post('/api/2.0/token/create', {})) as { token_value: string };
    const query = `mutation { createAccessToken(input: {type: PERSONAL, actorUrn: "urn:li:corpuser:${name}", duration: ONE_DAY, name: "datahub"}) { accessToken } }`;
    const datahub = JSON.parse(await post('/api/graphql', { query })) as {
      data: { createAccessToken: { accessToken: string } };
    };
    return [
      native.token,
      rotated.token,
      cloud,
      software,
      databricks.token_value,
      datahub.data.createAccessToken.accessToken,
      as,
    ];
  }

  /** Every text that the store holds, table by table. */
  async function stored(): Promise<string> {
    const client = await world.store.connect();
    const { rows: tables } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'patgate'`,
    );
    const dumps: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t`);
      dumps.push(...rows.map(({ row }) => row));
    }
    await client.end();
    return dumps.join('\n');
  }

  it('is in the answer that makes it, and nowhere else', async () => {
    const tokens = await makeAll();
    for (const token of tokens) {
      expect((await world.call('GET', '/api/v1/me', { as: token })).status).toBe(200);
    }
    await world.call('POST', '/apiv2/login', { body: { userName: '$token', password: tokens[0] } });
    const lists = await Promise.all(
      [
        '/api/v1/tokens',
        '/api/v1/tokens.csv',
        '/api/v1/audit?limit=1000',
        '/api/v1/users',
        '/api/2.0/token-management/tokens',
        '/metrics',
      ].map(async (path) => (await world.call('GET', path, { as: admin.session })).text),
    );
    const places = [...lists, await stored(), world.logged(), await world.deps.registry.metrics()];
    for (const [n, token] of tokens.entries()) {
      for (const [where, place] of places.entries()) {
        expect([n, where, place.includes(token)]).toEqual([n, where, false]);
        // Nor the part that makes it secret.
        expect([n, where, place.includes(token.slice(10, 40))]).toEqual([n, where, false]);
      }
    }
  });

  it('is not echoed by errors', async () => {
    const secret = world.unknownToken();
    const answers = await Promise.all([
      world.call('GET', '/api/v1/me', { as: secret }),
      world.call('POST', '/api/v1/leaked-tokens', { body: { token: secret } }),
      world.call('POST', '/api/v1/leaked-tokens', { body: { token: [secret] } }),
      world.call('POST', '/api/v1/leaked-tokens', { body: `{"token": ${secret}}` }),
      world.call('POST', '/api/v1/session', { body: { name: 'x', password: secret, extra: secret } }),
      world.call('POST', '/apiv2/login', { body: { userName: '$token', password: secret } }),
      world.call('POST', '/api/graphql', {
        as: admin.session,
        body: {
          query: 'query ($t: String!) { getAccessTokenMetadata(token: $t) { id } }',
          variables: { t: secret },
        },
      }),
    ]);
    for (const answer of answers) expect(answer.text).not.toContain(secret);
    expect(world.logged()).not.toContain(secret);
  });
});

describe('what no interface should take', () => {
  const paths: readonly [string, string][] = [
    ['POST', '/api/v1/tokens'],
    ['POST', '/v0/user/UID/token'],
    ['POST', '/api/v3/user/UID/token'],
    ['POST', '/api/2.0/token/create'],
    ['POST', '/api/graphql'],
    ['PATCH', '/api/2.0/workspace-conf'],
    ['PUT', '/apiv2/settings/auth.personal-access-tokens.enabled'],
  ];
  const bodies: readonly [string, string, number][] = [
    ['deep JSON', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, 400],
    ['a huge body', JSON.stringify({ label: 'x'.repeat(200_000) }), 413],
    ['no JSON', '\u0000', 400],
    ['null', 'null', 400],
  ];
  const cases = paths.flatMap(([method, path]) =>
    bodies.map(([what, body, status]) => [what, method, path, body, status] as const),
  );

  it.each(cases)('%s: %s %s', async (_, method, path, body, status) => {
    const answer = await world.call(method, path.replace('UID', admin.uid), { as: admin.session, body });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/json/);
    // Nothing may follow a body that was not read to its end.
    expect(answer.headers.get('connection')).toBe(status === 413 ? 'close' : 'keep-alive');
  });

  it('a prototype that would give what is missing', async () => {
    const body = '{"__proto__":{"label":"x"}}';
    for (const path of ['/api/v1/tokens', `/v0/user/${admin.uid}/token`]) {
      expect((await world.call('POST', path, { as: admin.session, body })).status).toBe(400);
    }
  });

  it.each(paths)('bytes that are no text: %s %s', async (method, path) => {
    const response = await fetch(world.url + path.replace('UID', admin.uid), {
      method,
      headers: { authorization: `Bearer ${admin.session}`, 'content-type': 'application/json' },
      body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect(response.status).toBe(400);
  });

  it.each([
    ['a form', 'application/x-www-form-urlencoded', 'label=x'],
    ['XML', 'text/xml', '<label>x</label>'],
  ])('%s for the native API: 415', async (_, type, body) => {
    const answer = await world.call('POST', '/api/v1/tokens', {
      as: admin.session,
      body,
      headers: { 'content-type': type },
    });
    expect([400, 415]).toContain(answer.status);
  });

  it.each([
    '/api/v1/tokens/%00',
    '/api/v1/tokens/%ff',
    "/api/v1/tokens/'%20or%20'1'='1",
    `/api/v1/tokens/${'x'.repeat(8000)}`,
    '/api/v1/../../etc/passwd',
    '/api/v1//tokens',
    '/api/2.0/token-management/tokens/%2e%2e%2f',
    '/apiv2/settings/%00',
    '/api/v3/user/by-name/%00',
  ])('%s', async (path) => {
    const answer = await world.call('GET', path, { as: admin.session });
    expect([400, 404]).toContain(answer.status);
  });

  it('two lengths for one body', async () => {
    const answer = await raw(
      'POST /apiv2/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each(['fin', 'reset'])(
    'a body that breaks off, by %s: no failure of the server, whatever it is told',
    async (how) => {
      for (const path of ['/oauth/token', '/apiv2/login', '/api/v1/leaked-tokens', '/sign-in']) {
        const { port } = new URL(world.url);
        const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
        const type = 'content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin';
        socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nx-request-id: broken-${how}\r\n${type}\r\n`);
        // The server says when it has begun to read.
        socket.write('expect: 100-continue\r\ncontent-length: 100\r\n\r\n');
        await once(socket, 'data');
        socket.write('a=');
        if (how === 'fin') socket.end();
        else socket.resetAndDestroy();
        await once(socket.resume(), 'close');
      }
      expect((await world.call('GET', '/healthz')).status).toBe(200);
      expect(world.logged()).not.toContain('a request failed');
    },
  );

  it('a request that promises more than it sends', async () => {
    const answer = await raw(
      'POST /apiv2/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 999999999\r\n\r\n{',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('a flood of bad credentials', () => {
  it('is refused at no cost to the store, and does not shut out who is known', async () => {
    const good = await world.issue(await world.person('ada'));
    const me = async (as: string) => (await world.call('GET', '/api/v1/me', { as })).status;
    expect(await me(good.token)).toBe(200);
    const tally = new Map<number, number>();
    for (let n = 0; n < 200; n += 1) {
      const status = await me(world.unknownToken());
      tally.set(status, (tally.get(status) ?? 0) + 1);
    }
    // 50 at once, two a second after that.
    expect(tally.get(401)).toBeGreaterThanOrEqual(50);
    expect(tally.get(401)).toBeLessThan(150);
    expect((tally.get(401) ?? 0) + (tally.get(429) ?? 0)).toBe(200);
    expect(await me('nonsense')).toBe(401);
    expect(await me(good.token)).toBe(200);
    const login = await world.call('POST', '/apiv2/login', {
      body: { userName: admin.name, password: admin.password },
    });
    expect(login.status).toBe(200);
    const metrics = await world.deps.registry.metrics();
    expect(metrics).toMatch(/patgate_http_refused_credentials_total\{how="limited"\} [1-9]/);
  });

  it('remembers what it refused, for one look-up each', async () => {
    const token = world.unknownToken();
    const before = await world.deps.registry.getSingleMetricAsString(
      'patgate_http_refused_credentials_total',
    );
    for (let n = 0; n < 5; n += 1) await world.call('GET', '/api/v1/me', { as: token });
    const after = await world.deps.registry.getSingleMetricAsString('patgate_http_refused_credentials_total');
    const count = (text: string, how: string): number =>
      Number(new RegExp(`how="${how}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
    const looked = count(after, 'looked_up') - count(before, 'looked_up');
    expect(looked).toBeLessThanOrEqual(1);
  });
});

describe('a method that a known path does not have', () => {
  const DREMIO = { errorMessage: 'HTTP 405 Method Not Allowed', moreInfo: '', stackTrace: [] };
  it.each([
    ['native', 'POST', '/api/v1/me', 'GET', { status: 405, code: 'request.method_not_allowed' }],
    ['native', 'PUT', '/api/v1/tokens/x', 'GET, PATCH, DELETE', { status: 405 }],
    ['native', 'GET', '/api/v1/session', 'POST, DELETE', { status: 405 }],
    ['Dremio Cloud', 'PUT', '/v0/user/x/token', 'GET, POST, DELETE', DREMIO],
    ['Dremio Software', 'POST', '/api/v3/user/by-name/x', 'GET', DREMIO],
    ['Dremio Software', 'PATCH', '/apiv2/settings/x', 'GET, PUT, DELETE', DREMIO],
    ['DataHub', 'PUT', '/api/v2/graphql', 'POST', { errors: [{ extensions: { code: 405 } }] }],
  ])('gets 405 from %s: %s %s', async (_, method, path, allow, body) => {
    const answer = await world.call(method, path, { as: admin.session });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
    expect(answer.json()).toMatchObject(body);
  });

  it('gets 405 in plain text where no product speaks', async () => {
    const answer = await world.call('DELETE', '/healthz');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET']);
  });

  it.each([
    ['GET', '/token/create'],
    ['PUT', '/token/list'],
    ['GET', '/clusters/list'],
  ])('is no endpoint to Databricks: %s %s', async (method, path) => {
    const answer = await world.call(method, `/api/2.0${path}`, { as: admin.session });
    expect([answer.status, answer.headers.get('allow')]).toEqual([404, null]);
    expect(answer.json()).toEqual({
      error_code: 'ENDPOINT_NOT_FOUND',
      message: `No API found for '${method} ${path}'`,
    });
  });

  it('tells strangers nothing', async () => {
    expect((await world.call('POST', '/api/v1/me')).status).toBe(401);
    expect((await world.call('GET', '/api/2.0/token/create')).status).toBe(403);
  });
});

describe('headers', () => {
  it.each([
    ['an answer', '/healthz', 200],
    ['a refusal', '/api/v1/me', 401],
    ['another refusal', '/v0/user/x/token', 401],
    ['nothing', '/nothing', 404],
    ['the description', '/openapi.json', 200],
  ])('of %s keep browsers out', async (_, path, status) => {
    const { status: got, headers } = await world.call('GET', path);
    expect(got).toBe(status);
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ['is kept', 'job-42.a', 'job-42.a'],
    ['is replaced when it could break a log', 'a b"c', null],
    ['is replaced when it is long', 'x'.repeat(65), null],
  ])('a request id that is sent %s', async (_, sent, kept) => {
    for (const path of ['/healthz', '/api/v1/me']) {
      const { headers } = await world.call('GET', path, { headers: { 'x-request-id': sent } });
      const id = headers.get('x-request-id');
      expect(kept ?? id).toBe(id);
      if (kept === null) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});
