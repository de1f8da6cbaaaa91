import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { serialize } from 'pg-protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { encodeFrontend } from '../../src/wire/frontend.ts';
import { eventually } from '../support/eventually.ts';
import {
  prepareGround,
  startGateway,
  type TestGateway,
  type TestToken,
  type TestUser,
} from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { queryOne } from '../support/query.ts';
import { openSession, ping } from '../support/session.ts';
import { errorFields, WireClient, type ErrorFields } from '../support/wire-client.ts';
import { startMethodCluster, type MethodCluster } from '../unit/upstream/cluster.ts';

const ADMIN = systemActor('pipeline test');
const TERMINATE = encodeFrontend({ kind: 'terminate' });
const SYNC = serialize.sync();
const COPY_DONE = serialize.copyDone();
const query = (sql: string): Buffer => encodeFrontend({ kind: 'query', sql });
/** Sent with one write, so that all of it lies with the engine while the first statement runs. */
const PIPELINE = Buffer.concat([
  query('select pg_sleep(600)'),
  query("insert into written values ('second')"),
  query('select pg_sleep(601)'),
  query("insert into written values ('fourth')"),
]);

interface Asleep {
  readonly client: WireClient;
  /** The engine's own process. */
  readonly pid: number;
}

async function logIn(
  { port }: TestGateway,
  user: TestUser,
  secret: string,
  database: string,
): Promise<WireClient> {
  const client = await WireClient.connect({ port, tls: true });
  client.startup(user.name, database);
  await client.scram(secret);
  expect(await client.verdict()).toEqual({ ok: true });
  return client;
}

/** Sends a pipeline, and waits until its first statement runs. */
async function fallAsleep(client: WireClient, observer: string, pipeline = PIPELINE): Promise<Asleep> {
  client.send(pipeline);
  const key = client.seen.find(({ type }) => type === 'K');
  const pid = key?.body.readInt32BE(0) ?? 0;
  await eventually(async () =>
    expect(await queryOne(observer, `select wait_event from pg_stat_activity where pid = ${pid}`)).toBe(
      'PgSleep',
    ),
  );
  return { client, pid };
}

const isThere = (observer: string, pid: number): Promise<unknown> =>
  queryOne(observer, `select count(*)::int from pg_stat_activity where pid = ${pid}`);

const written = (observer: string): Promise<unknown> =>
  queryOne(observer, "select coalesce(string_agg(what, ','), '') from written");

async function gone(observer: string, pid: number): Promise<void> {
  await eventually(async () => expect(await isThere(observer, pid)).toBe(0), 10_000);
}

async function until(client: WireClient, type: string): Promise<void> {
  for (let message = await client.next(); message?.type !== type; message = await client.next())
    if (message === null) throw new Error(`closed before ${type}`);
}

const ready = (client: WireClient): Promise<void> => until(client, 'Z');

/** The last message before the close. */
async function lastWords(client: WireClient): Promise<ErrorFields | null> {
  const last = (await client.rest()).at(-1);
  return last?.type === 'E' ? errorFields(last.body) : null;
}

describe('of a pipeline whose session ends, nothing more is begun', () => {
  let engine: MethodCluster;
  let directory: string;
  let gateway: TestGateway;
  let observer: string;
  let ada: TestUser;

  beforeAll(async () => {
    engine = await startMethodCluster();
    const { cluster } = engine;
    directory = await mkdtemp(path.join(tmpdir(), 'patgate-pipelines-'));
    const caFile = path.join(directory, 'ca.crt');
    await writeFile(caFile, engine.authority.certificate);
    observer = cluster.url();
    await queryOne(observer, 'create table written (what text)');
    const prepared = await prepareGround({
      // by a Unix socket
      'engine.url': cluster.socketUrl(),
      databases: '*=main, tcp=tcp/postgres, tls=tls/postgres',
      'sessions.max_per_user': '1',
    });
    const environment = {
      ...prepared.environment,
      PATGATE_ENGINES_TCP_URL: `${cluster.url()}?sslmode=disable`,
      PATGATE_ENGINES_TLS_URL: `${cluster.url()}?sslmode=verify-full&sslrootcert=${caFile}`,
    };
    gateway = await startGateway({}, { ...prepared, environment });
  });
  afterAll(async () => {
    await gateway.stop();
    await engine.drop();
    await rm(directory, { recursive: true });
  });
  beforeEach(async () => {
    ada = await gateway.addUser(`ada${Math.random().toString(36).slice(2)}`);
  });
  afterEach(() => queryOne(observer, 'truncate written'));

  it.each([
    [
      'revoked',
      'postgres',
      ({ tid }: TestToken) => gateway.services.tokens.revoke(ADMIN, tid),
      /was revoked/,
    ],
    ['revoked', 'tcp', ({ tid }: TestToken) => gateway.services.tokens.revoke(ADMIN, tid), /was revoked/],
    ['revoked', 'tls', ({ tid }: TestToken) => gateway.services.tokens.revoke(ADMIN, tid), /was revoked/],
    ['disabled', 'tcp', () => gateway.services.accounts.disableUser(ADMIN, ada.uid), /is disabled/],
    ['killed', 'tcp', killAll, /ended by/],
  ])('when it is %s, on the engine %s; it gets its last words', async (_how, database, end, message) => {
    const token = await gateway.issueToken(ada);
    const { client, pid } = await fallAsleep(await logIn(gateway, ada, token.token, database), observer);
    await end(token);
    expect(await lastWords(client)).toMatchObject({
      sqlState: '57P01',
      message: expect.stringMatching(message) as string,
    });
    await gone(observer, pid);
    expect(await written(observer)).toBe('');
  });

  it.each([
    ['breaks off', 'postgres', (client: WireClient) => client.reset()],
    ['breaks off', 'tcp', (client: WireClient) => client.reset()],
    ['breaks off', 'tls', (client: WireClient) => client.reset()],
    ['closes', 'tcp', (client: WireClient) => client.end()],
    ['says Terminate', 'tls', (client: WireClient) => client.send(TERMINATE)],
  ])(
    'when its client %s, on the engine %s, whose place it keeps meanwhile',
    async (_how, database, leave) => {
      const { client, pid } = await fallAsleep(await logIn(gateway, ada, ada.password, database), observer);
      leave(client);
      await eventually(async () => {
        const { client: next } = await openSession(gateway.clientConfig(ada.name, ada.password, database));
        expect(await isThere(observer, pid)).toBe(0);
        expect(await ping(next)).toBe(1);
        await next.end();
      });
      expect(await written(observer)).toBe('');
      client.destroy();
    },
  );

  it.each<[string, (client: WireClient) => unknown]>([
    ['breaks off', (client) => client.reset()],
    ['says Terminate', (client) => client.send(TERMINATE)],
    ['is killed', killAll],
  ])('when its client %s, and nobody can tell what the engine is at', async (_how, end) => {
    const client = await logIn(gateway, ada, ada.password, 'tcp');
    await ready(client.send(query('create temporary table copied (a int)')));
    // The engine, which reads rows, takes the Sync for none, and answers once.
    client.send(query('copy copied from stdin')).send(SYNC);
    await until(client, 'G');
    await ready(client.send(COPY_DONE));
    // The answer to the first looks like that to both.
    const { pid } = await fallAsleep(client, observer, Buffer.concat([query('select 1'), PIPELINE]));
    await end(client);
    await gone(observer, pid);
    expect(await written(observer)).toBe('');
    client.destroy();
  });

  async function killAll(): Promise<void> {
    const sids = await eventually(async () => {
      const sessions = await gateway.services.oversight.sessions(ADMIN, { uid: ada.uid, limit: 10 });
      expect(sessions).not.toEqual([]);
      return sessions.map(({ sid }) => sid);
    });
    await gateway.services.oversight.killSessions(ADMIN, sids);
  }
});

it.each(['1', '2'])(
  'of a pipeline nothing more is begun when the gateway stops, workers = %s',
  async (workers) => {
    const ground = await prepareGround({ workers, 'shutdown.grace': '200ms' });
    const observer = ground.engine.url;
    try {
      await queryOne(observer, 'create table written (what text)');
      const gateway = await startGatewayProcess({}, ground);
      const ada = await gateway.addUser('ada');
      const { client, pid } = await fallAsleep(
        await logIn(gateway, ada, ada.password, ground.engine.name),
        observer,
      );
      const ended = lastWords(client);
      expect(await gateway.end('SIGTERM')).toBe(0);
      expect(await ended).toMatchObject({
        sqlState: '57P01',
        message: expect.stringMatching(/shutting down/) as string,
      });
      await gone(observer, pid);
      expect(await written(observer)).toBe('');
      await gateway.services.close();
    } finally {
      await ground.drop();
    }
  },
);
