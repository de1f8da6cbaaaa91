import { randomUUID } from 'node:crypto';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../src/core/duration.ts';
import { isWellFormed } from '../../../src/tokens/format.ts';
import { startWorld, type Person, type World } from './support/world.ts';

let world: World;
let mia: Person;
beforeAll(async () => {
  world = await startWorld('datahub');
  mia = await world.person('mia', 'manage_all');
});
afterAll(() => world.close());

interface Result {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: unknown }[];
}

const METADATA = 'urn type id name description actorUrn ownerUrn createdAt expiresAt';
const CREATE = `mutation ($input: CreateAccessTokenInput!) { createAccessToken(input: $input) { accessToken metadata { ${METADATA} } } }`;
const LIST = `query ($input: ListAccessTokenInput!) { listAccessTokens(input: $input) { start count total tokens { ${METADATA} } } }`;
const REVOKE = 'mutation ($id: String!) { revokeAccessToken(tokenId: $id) }';
const DESCRIBE = `query ($token: String!) { getAccessTokenMetadata(token: $token) { ${METADATA} } }`;

async function run(
  as: string,
  query: string,
  variables: object = {},
  path = '/api/graphql',
): Promise<Result> {
  const answer = await world.call('POST', path, { as, body: { query, variables } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  return answer.json() as Result;
}

interface Metadata {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}
interface Created {
  readonly accessToken: string;
  readonly metadata: Metadata;
}

async function create(person: Person, more: object = {}): Promise<Created> {
  const input = {
    type: 'PERSONAL',
    actorUrn: `urn:li:corpuser:${person.name}`,
    duration: 'ONE_DAY',
    name: 'dashboards',
    ...more,
  };
  const { data, errors } = await run(person.session, CREATE, { input });
  expect(errors).toBeUndefined();
  return data?.['createAccessToken'] as Created;
}

async function list(
  as: string,
  input: object = {},
): Promise<{ total: number; count: number; tokens: Metadata[] }> {
  const { data, errors } = await run(as, LIST, { input });
  expect(errors).toBeUndefined();
  return data?.['listAccessTokens'] as { total: number; count: number; tokens: Metadata[] };
}

const UNAUTHORIZED = [
  expect.objectContaining({
    message: 'Unauthorized to perform this action. Please contact your DataHub administrator.',
    extensions: { code: 403, type: 'UNAUTHORIZED' },
  }),
];
const failed = (code: number, type: string, message: RegExp = /./): unknown => [
  expect.objectContaining({
    message: expect.stringMatching(message) as string,
    extensions: { code, type },
  }),
];

describe('DataHub access tokens', () => {
  it('are created with their metadata, and can be used at once', async () => {
    const ada = await world.person('ada');
    const { accessToken, metadata } = await create(ada, { description: 'for the wall' });
    expect(isWellFormed(accessToken)).toBe(true);
    const urn = `urn:li:corpuser:${ada.name}`;
    expect(metadata).toEqual({
      urn: `urn:li:dataHubAccessToken:${metadata.id}`,
      type: 'ACCESS_TOKEN',
      id: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) as string,
      name: 'dashboards',
      description: 'for the wall',
      actorUrn: urn,
      ownerUrn: urn,
      createdAt: expect.any(Number) as number,
      expiresAt: metadata.createdAt + DAY_MS,
    });
    expect((await list(accessToken)).tokens).toEqual([metadata]);
  });

  it.each([
    ['ONE_HOUR', DAY_MS / 24],
    ['ONE_DAY', DAY_MS],
    ['ONE_WEEK', 7 * DAY_MS],
    ['ONE_MONTH', 30 * DAY_MS],
    ['THREE_MONTHS', 90 * DAY_MS],
    ['SIX_MONTHS', 180 * DAY_MS],
  ])('live for %s', async (duration, ms) => {
    const { metadata } = await create(await world.person('ada'), { duration });
    expect((metadata.expiresAt ?? 0) - metadata.createdAt).toBe(ms);
  });

  it('live for a year or for ever only where the policy allows it', async () => {
    const ada = await world.person('ada');
    const actorUrn = `urn:li:corpuser:${ada.name}`;
    for (const duration of ['ONE_YEAR', 'NO_EXPIRY']) {
      const input = { type: 'PERSONAL', actorUrn, duration, name: 'x' };
      const { errors } = await run(ada.session, CREATE, { input });
      expect(errors).toEqual(failed(400, 'BAD_REQUEST'));
    }
    await world.withPolicy({ neverExpiringAllowed: true, maxLifetimeMs: 400 * DAY_MS }, async () => {
      const year = await create(ada, { duration: 'ONE_YEAR' });
      expect((year.metadata.expiresAt ?? 0) - year.metadata.createdAt).toBe(365 * DAY_MS);
      expect((await create(ada, { duration: 'NO_EXPIRY' })).metadata.expiresAt).toBeNull();
    });
  });

  it('are listed by their end, latest first, in pages', async () => {
    const ada = await world.person('ada');
    for (const [name, duration] of [
      ['b', 'ONE_DAY'],
      ['c', 'ONE_HOUR'],
      ['a', 'ONE_WEEK'],
    ]) {
      await create(ada, { name, duration });
    }
    const names = async (input: object) => {
      const { total, count, tokens } = await list(ada.session, input);
      return { total, count, names: tokens.map(({ name }) => name) };
    };
    expect(await names({})).toEqual({ total: 3, count: 3, names: ['a', 'b', 'c'] });
    expect(await names({ start: 1, count: 1 })).toEqual({ total: 3, count: 1, names: ['b'] });
    expect(await names({ start: 3, count: 5 })).toEqual({ total: 3, count: 0, names: [] });
    expect(await names({ start: 0, count: 0 })).toEqual({ total: 3, count: 0, names: [] });
  });

  it('are listed by whom they stand for, and by who made them', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    const urn = ({ name }: Person) => `urn:li:corpuser:${name}`;
    const own = await create(ada, { name: 'own' });
    const made = await run(mia.session, CREATE, {
      input: { type: 'PERSONAL', actorUrn: urn(ada), duration: 'ONE_HOUR', name: 'by mia' },
    });
    expect(made.data).toMatchObject({
      createAccessToken: { metadata: { actorUrn: urn(ada), ownerUrn: urn(mia) } },
    });
    const names = async (as: string, ...filters: object[]) =>
      (await list(as, { filters, count: 100 })).tokens.map(({ name }) => name);
    const actor = { field: 'actorUrn', value: urn(ada) };
    expect(await names(mia.session, actor)).toEqual(['own', 'by mia']);
    expect(await names(ada.session, actor)).toEqual(['own', 'by mia']);
    expect(await names(mia.session, actor, { field: 'ownerUrn', value: urn(mia) })).toEqual(['by mia']);
    expect(await names(mia.session, { field: 'ownerUrn', values: [urn(ada)] })).toEqual(['own']);
    expect(await names(mia.session, actor, { field: 'actorUrn', value: urn(bob) })).toEqual([]);
    expect(await names(bob.session)).toEqual([]);
    expect((await run(bob.session, LIST, { input: { filters: [actor] } })).errors).toEqual(UNAUTHORIZED);
    expect((await list(mia.session, { count: 1000 })).tokens).toEqual(
      expect.arrayContaining([own.metadata]) as unknown[],
    );
  });

  it('are revoked once, by their owner or who manages all', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    const { metadata, accessToken } = await create(ada);
    const revoke = (as: string, id: string) => run(as, REVOKE, { id });
    expect((await revoke(bob.session, metadata.id)).errors).toEqual(failed(404, 'NOT_FOUND'));
    expect(await revoke(ada.session, metadata.id)).toEqual({ data: { revokeAccessToken: true } });
    expect((await revoke(ada.session, metadata.id)).errors).toEqual(failed(400, 'BAD_REQUEST'));
    expect((await list(ada.session)).tokens).toEqual([]);
    const answer = await world.call('POST', '/api/graphql', {
      as: accessToken,
      body: { query: '{__typename}' },
    });
    expect(answer.status).toBe(401);
    const other = await create(ada);
    expect(await revoke(mia.session, other.metadata.id)).toEqual({ data: { revokeAccessToken: true } });
    for (const id of ['unknown', randomUUID()]) {
      expect((await revoke(mia.session, id)).errors).toEqual(failed(404, 'NOT_FOUND'));
    }
  });

  it('are described to who manages all and has them', async () => {
    const ada = await world.person('ada');
    const { metadata, accessToken } = await create(ada);
    expect(await run(mia.session, DESCRIBE, { token: accessToken })).toEqual({
      data: { getAccessTokenMetadata: metadata },
    });
    expect((await run(ada.session, DESCRIBE, { token: accessToken })).errors).toEqual(UNAUTHORIZED);
    for (const token of ['nonsense', world.unknownToken(), mia.session]) {
      expect((await run(mia.session, DESCRIBE, { token })).errors).toEqual(failed(404, 'NOT_FOUND'));
    }
  });

  it('stand for service accounts as SERVICE_ACCOUNT, and for people as PERSONAL', async () => {
    const etl = await world.service('etl');
    const input = { actorUrn: `urn:li:corpuser:${etl.name}`, duration: 'ONE_HOUR', name: 'x' };
    const made = await run(mia.session, CREATE, { input: { ...input, type: 'SERVICE_ACCOUNT' } });
    expect(made.errors).toBeUndefined();
    const wrong = await run(mia.session, CREATE, { input: { ...input, type: 'PERSONAL' } });
    expect(wrong.errors).toEqual(failed(400, 'BAD_REQUEST', /is no person/));
    const person = { ...input, actorUrn: `urn:li:corpuser:${mia.name}`, type: 'SERVICE_ACCOUNT' };
    expect((await run(mia.session, CREATE, { input: person })).errors).toEqual(
      failed(400, 'BAD_REQUEST', /is no service account/),
    );
  });

  it('for others need the privilege', async () => {
    const [ada, bob] = [await world.person('ada'), await world.person('bob')];
    for (const name of [bob.name, 'nobody']) {
      const input = { type: 'PERSONAL', actorUrn: `urn:li:corpuser:${name}`, duration: 'ONE_DAY', name: 'x' };
      expect((await run(ada.session, CREATE, { input })).errors).toEqual(UNAUTHORIZED);
    }
  });

  it('for oneself need "can use"', async () => {
    const ada = await world.person('ada');
    const actorUrn = `urn:li:corpuser:${ada.name}`;
    await world.withPolicy({ createAndUse: 'granted' }, async () => {
      const input = { type: 'PERSONAL', actorUrn, duration: 'ONE_DAY', name: 'x' };
      expect((await run(ada.session, CREATE, { input })).errors).toEqual(UNAUTHORIZED);
    });
  });

  it.each<[string, object]>([
    ['no URN', { actorUrn: 'mia' }],
    ['an empty URN', { actorUrn: 'urn:li:corpuser:' }],
    ['a URN of something else', { actorUrn: 'urn:li:dataset:x' }],
    ['an empty name', { name: ' ' }],
    ['a long name', { name: 'x'.repeat(251) }],
    ['another duration', { duration: 'ONE_CENTURY' }],
    ['another type', { type: 'ROBOT' }],
    ['a name of another type', { name: ['x'] }],
    ['no name', { name: null }],
    ['a field that is none', { scopes: ['tokens'] }],
  ])('refuse %s', async (_, more) => {
    const actorUrn = `urn:li:corpuser:${mia.name}`;
    const input = { type: 'PERSONAL', actorUrn, duration: 'ONE_DAY', name: 'x', ...more };
    const { data, errors } = await run(mia.session, CREATE, { input });
    expect(errors).toEqual(failed(400, 'BAD_REQUEST'));
    expect(data?.['createAccessToken']).toBeUndefined();
  });

  it.each<[string, object]>([
    ['a negative start', { start: -1 }],
    ['a huge count', { count: 100_000 }],
    ['another filter', { filters: [{ field: 'name', value: 'x' }] }],
    ['a filter without a value', { filters: [{ field: 'ownerUrn' }] }],
    ['a filter with two values', { filters: [{ field: 'ownerUrn', values: ['a', 'b'] }] }],
    ['a filter that is no URN', { filters: [{ field: 'ownerUrn', value: 'mia' }] }],
  ])('are not listed by %s', async (_, input) => {
    expect((await run(mia.session, LIST, { input })).errors).toEqual(failed(400, 'BAD_REQUEST'));
  });
});

describe('the GraphQL endpoint', () => {
  const post = (body: unknown, as: string | undefined = mia.session, path = '/api/graphql') =>
    world.call('POST', path, as === '' ? { body } : { as, body });

  it('is at two paths', async () => {
    expect(await run(mia.session, '{ __typename }', {}, '/api/v2/graphql')).toEqual({
      data: { __typename: 'Query' },
    });
  });

  it.each([
    ['no credential', ''],
    ['nonsense', 'nonsense'],
  ])('with %s: 401', async (_, as) => {
    const answer = await post({ query: '{ __typename }' }, as);
    expect([answer.status, answer.json()]).toMatchObject([401, { errors: [{ extensions: { code: 401 } }] }]);
  });

  it('can be introspected', async () => {
    const { data } = await run(mia.session, getIntrospectionQuery());
    expect(JSON.stringify(data)).toContain('createAccessToken');
  });

  it.each([
    ['a syntax error', { query: '{ listAccessTokens( }' }],
    ['an unknown field', { query: '{ users { password } }' }],
    ['an unknown operation', { query: 'query A { __typename }', operationName: 'B' }],
    ['a variable of the wrong type', { query: LIST, variables: { input: { start: 'x' } } }],
  ])('tells of %s', async (_, body) => {
    const answer = await post(body);
    expect([answer.status, answer.json()]).toMatchObject([
      200,
      { errors: [{ extensions: { code: 400, type: 'BAD_REQUEST' } }] },
    ]);
  });

  it.each([
    ['no query', {}],
    ['a query that is no text', { query: ['{ __typename }'] }],
    ['variables that are no object', { query: '{ __typename }', variables: 'x' }],
    ['a batch', [{ query: '{ __typename }' }]],
    ['no JSON', 'query { __typename }'],
    ['deep variables', `{"query":"{ __typename }","variables":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`],
  ])('refuses %s', async (_, body) => {
    const answer = await post(body);
    expect([answer.status, answer.json()]).toMatchObject([400, { errors: [{ extensions: { code: 400 } }] }]);
  });

  it.each([
    ['deep', `{ ${'listAccessTokens(input: {}) { tokens { '.repeat(30)} } }`],
    [
      'of 200 operations',
      `{ ${Array.from({ length: 200 }, (_, n) => `a${n}: listAccessTokens(input: {}) { total }`).join(' ')} }`,
    ],
    ['of 100,000 tokens', `{ ${'__typename '.repeat(10_000)} }`],
    ['of cyclic fragments', '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }'],
    ['of nested lists', `query ($a: ${'['.repeat(2000)}Int${']'.repeat(2000)}) { __typename }`],
  ])('refuses a document %s', async (_, query) => {
    const answer = await post({ query });
    expect([answer.status, answer.json()]).toMatchObject([
      200,
      { errors: [{ extensions: { code: 400, type: 'BAD_REQUEST' } }] },
    ]);
  });

  it('answers nothing but POST, and no uploads', async () => {
    const got = await world.call('GET', '/api/graphql?query={__typename}', { as: mia.session });
    expect([got.status, got.headers.get('allow'), got.json()]).toMatchObject([
      405,
      'POST',
      { errors: [{ extensions: { code: 405 } }] },
    ]);
    const upload = await world.call('POST', '/api/graphql', {
      as: mia.session,
      body: '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{}\r\n--x--',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
    });
    expect(upload.status).toBe(400);
  });
});
