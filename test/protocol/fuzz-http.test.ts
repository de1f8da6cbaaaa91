import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorld, type Person, type World } from '../unit/http/support/world.ts';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from './mutate.ts';

/** A request on a connection of its own costs about forty times what a decoder does. */
const RUNS = Math.ceil(FUZZ_RUNS / 40);

interface Request {
  readonly line: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

let world: World;
let ada: Person;
let admin: Person;
beforeAll(async () => {
  world = await startWorld('fuzz');
  ada = await world.person('ada');
  admin = await world.person('root', 'admin');
});
afterAll(() => world.close());

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** What people, SDKs and pages send, to every interface and every reader behind it. */
function requests(cursor: string): readonly Request[] {
  const bearer = { authorization: `Bearer ${ada.session}` };
  const asAdmin = { authorization: `Bearer ${admin.session}` };
  const basic = { authorization: `Basic ${Buffer.from(`$token:${ada.session}`).toString('base64')}` };
  const page = { cookie: `patgate=${ada.session}; other="x y"`, accept: 'text/html' };
  const created = JSON.stringify({
    label: 'a',
    databases: ['x'],
    networks: ['192.0.2.0/24'],
    lifetimeMs: 1e6,
  });
  const query =
    'query($i: ListAccessTokenInput!) { listAccessTokens(input: $i) { total tokens { id name } } }';
  const variables = { i: { start: 0, count: 10, filters: [{ field: 'ownerUrn', values: ['x'] }] } };
  return [
    { line: `GET /api/v1/tokens?limit=2&sort=createdAt&direction=desc&cursor=${cursor}`, headers: bearer },
    { line: 'GET /api/v1/audit?limit=5&before=10&action=login', headers: asAdmin },
    { line: 'GET /api/v1/sessions?limit=5&search=a%25b', headers: asAdmin },
    { line: 'GET /api/v1/users?search=ada&limit=1', headers: asAdmin },
    { line: 'POST /api/v1/tokens', headers: { ...bearer, 'idempotency-key': 'k' }, body: created },
    { line: 'GET /api/v1/me', headers: basic },
    { line: 'GET /api/v1/me', headers: { authorization: `_dremio${ada.session}` } },
    { line: 'POST /api/graphql', headers: bearer, body: JSON.stringify({ query, variables }) },
    { line: 'POST /api/graphql', headers: bearer, body: '{"query":"fragment A on Query{...A} query{...A}"}' },
    { line: 'POST /apiv2/login', body: JSON.stringify({ userName: ada.name, password: ada.password }) },
    {
      line: 'POST /oauth/token',
      headers: FORM,
      body: `grant_type=x&subject_token=${ada.session}&scope=dremio.all`,
    },
    { line: 'GET /api/2.0/preview/scim/v2/Me?attributes=userName', headers: bearer },
    { line: 'POST /api/2.0/token/create', headers: bearer, body: '{"comment":"c","lifetime_seconds":3600}' },
    { line: 'PUT /api/v1/policy', headers: asAdmin, body: '{"maxLifetimeMs":1e9,"enabled":true}' },
    { line: `GET /tokens?search=x&state=active&page=2&cursor=${cursor}`, headers: page },
    {
      line: 'POST /sign-in',
      headers: { ...FORM, 'sec-fetch-site': 'same-origin' },
      body: 'name=ada&password=x&next=/',
    },
    { line: 'POST /api/v1/leaked-tokens', body: JSON.stringify({ token: ada.session.replace('a', 'b') }) },
  ];
}

interface OnTheWire {
  readonly bytes: Buffer;
  readonly isWhole: boolean;
}

/** As it goes over the wire, with one part of it, or its bytes as a whole, gone wrong. @param random null: with nothing wrong */
function onTheWire(request: Request, random: ((below: number) => number) | null): OnTheWire {
  const [method = '', target = ''] = request.line.split(' ');
  const parts: Buffer[] = [target, request.body ?? '', ...Object.values(request.headers ?? {})].map((part) =>
    Buffer.from(part),
  );
  const wrong = random?.(parts.length + 1) ?? 0;
  const part = parts[wrong];
  if (random !== null && part !== undefined) parts[wrong] = mutated([part], random);
  const [path = part, body = Buffer.alloc(0), ...values] = parts;
  const headers = Object.keys(request.headers ?? {}).flatMap((name, n) => [
    `${name}: `,
    values[n] ?? '',
    '\r\n',
  ]);
  const bytes = Buffer.concat(
    [`${method} `, path ?? '', ' HTTP/1.1\r\nhost: x\r\nconnection: close\r\n', ...headers]
      .concat([`content-length: ${body.length}\r\n\r\n`, body])
      .map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)),
  );
  if (random !== null && part === undefined) return { bytes: mutated([bytes], random), isWhole: false };
  return { bytes, isWhole: true };
}

/** @param isWhole whether it is a request that is answered; else the server is told that no more comes, and need not answer */
async function send({ bytes, isWhole }: OnTheWire): Promise<string> {
  const socket = connect({ port: Number(new URL(world.url).port), host: '127.0.0.1' });
  if (isWhole) socket.write(bytes);
  else socket.end(bytes);
  return text(socket).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ECONNRESET') return '';
    throw error;
  });
}

test('requests gone wrong are answered in order, and none brings out a defect', async () => {
  for (const label of ['one', 'two', 'three']) await world.issue(ada, { label });
  const list = await world.call('GET', '/api/v1/tokens?limit=1', { as: ada.session });
  const { nextCursor } = list.json() as { nextCursor: string };
  const corpus = requests(nextCursor);
  const random = randomNumbers(FUZZ_SEED);
  const statuses = new Map<number, number>();
  for (let run = 0; run < RUNS; run += 1) {
    const request = corpus[run % corpus.length] ?? { line: '' };
    const sent = onTheWire(request, run < corpus.length ? null : random);
    const answer = await send(sent);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status >= 500 || (status === 0 && answer !== '')) {
      throw new Error(`seed ${FUZZ_SEED}, run ${run}: ${sent.bytes.toString('hex')}\n${answer}`);
    }
  }
  const some = expect.any(Number) as number;
  expect(Object.fromEntries(statuses)).toMatchObject({ 200: some, 400: some, 401: some, 404: some });
  expect(world.logged()).not.toContain('failed');
  expect((await world.call('GET', '/readyz')).status).toBe(200);
}, 3_600_000);
