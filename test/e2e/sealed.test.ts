import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serialize } from 'pg-protocol';
import { startGateway, type TestGateway, type TestToken, type TestUser } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { queryOne } from '../support/query.ts';
import { errorFields, WireClient, type Received } from '../support/wire-client.ts';

/** Of a token: enough to log in. */
const LIFETIME_MS = 4_000;
/** Far less than the grace, which is ten minutes. */
const SOON_MS = 25_000;

const query = (sql: string): Buffer => serialize.query(sql);
/** A statement that no Sync ends. */
const unsynced = (sql: string): Buffer =>
  Buffer.concat([
    serialize.parse({ text: sql }),
    serialize.bind({}),
    serialize.execute({}),
    serialize.flush(),
  ]);

async function logIn(gateway: TestGateway, user: string, secret: string): Promise<WireClient> {
  const client = await WireClient.connect({ port: gateway.port, tls: true });
  client.startup(user, gateway.engine.name);
  await client.scram(secret);
  expect(await client.verdict()).toEqual({ ok: true });
  return client;
}

/** Answers each message of the type with what is sent, as long as the session lasts. @returns what it heard */
async function goingOn(client: WireClient, type: string, next: Buffer): Promise<readonly Received[]> {
  const heard: Received[] = [];
  for (let message = await client.next(); message !== null; message = await client.next()) {
    heard.push(message);
    if (message.type === type) client.send(next);
  }
  client.destroy();
  return heard;
}

function lastWords(heard: readonly Received[]): unknown {
  const last = heard.at(-1);
  return last?.type === 'E' ? errorFields(last.body) : last?.type;
}

const NAP = query('select pg_sleep(0.2)');

/** Sessions that are never idle. */
const NEVER_IDLE: readonly (readonly [string, (client: WireClient) => Promise<readonly Received[]>])[] = [
  [
    'always has one more statement under way',
    (client) => goingOn(client.send(Buffer.concat([NAP, NAP])), 'Z', NAP),
  ],
  [
    'never says Sync',
    (client) => goingOn(client.send(unsynced('select pg_sleep(0.2)')), 'C', unsynced('select pg_sleep(0.2)')),
  ],
];

describe('a session whose token has expired', () => {
  let gateway: TestGateway;
  let ada: TestUser;
  beforeAll(async () => {
    gateway = await startGateway();
    ada = await gateway.addUser('ada');
    await queryOne(gateway.engine.url, 'create table written (what text)');
  });
  afterAll(() => gateway.stop());

  const shortLived = (): Promise<TestToken> => gateway.issueToken(ada, { lifetime: { ms: LIFETIME_MS } });

  it.each(NEVER_IDLE)(
    'begins nothing more in its grace, though it %s',
    async (_how, goOn) => {
      const { token } = await shortLived();
      expect(lastWords(await goOn(await logIn(gateway, 'ada', token)))).toMatchObject({
        sqlState: '57P01',
        message: expect.stringMatching(/has expired/) as string,
      });
    },
    SOON_MS,
  );

  it(
    'gets the answer to what runs, and to nothing that it sends then',
    async () => {
      const { token } = await shortLived();
      const client = await logIn(gateway, 'ada', token);
      const idle = await logIn(gateway, 'ada', token);
      const running = goingOn(client, 'none', NAP);
      client.send(query(`select pg_sleep(${(2 * LIFETIME_MS) / 1000}), 'answer'`));
      // Both are seen to in the same moment.
      expect(lastWords(await idle.rest())).toMatchObject({ sqlState: '57P01' });
      client.send(query("insert into written values ('late')"));
      const heard = await running;
      expect(heard.map(({ type }) => type).join('')).toBe('TDCZE');
      expect(lastWords(heard)).toMatchObject({ sqlState: '57P01' });
      expect(await queryOne(gateway.engine.url, 'select count(*)::int from written')).toBe(0);
    },
    SOON_MS,
  );
});

describe('sessions.idle_timeout', () => {
  let gateway: TestGateway;
  let ada: TestUser;
  beforeAll(async () => {
    gateway = await startGateway({ 'sessions.idle_timeout': '1s' });
    ada = await gateway.addUser('ada');
  });
  afterAll(() => gateway.stop());

  it.each([
    ['has been prepared', Buffer.concat([serialize.parse({ text: 'select 1' }), serialize.flush()]), '1E'],
    ['has been answered', unsynced('select 1'), '12DCE'],
    ['has failed', unsynced('select 1/0'), '1EE'],
    ['ran for longer', unsynced('select pg_sleep(3)'), '12DCE'],
  ])('ends a session whose statement %s, and is not ended by a Sync', async (_what, sent, types) => {
    const client = await logIn(gateway, 'ada', ada.password);
    const heard = await goingOn(client.send(sent), 'none', NAP);
    expect(heard.map(({ type }) => type).join('')).toBe(types);
    expect(lastWords(heard)).toMatchObject({ sqlState: '57P05' });
  });
});

describe('a stop', () => {
  it.each(NEVER_IDLE)('does not wait for a session that %s', async (_how, goOn) => {
    const gateway = await startGatewayProcess({ 'shutdown.grace': '10min' });
    const ada = await gateway.addUser('ada');
    const client = await logIn(gateway, 'ada', ada.password);
    const writer = await logIn(gateway, 'ada', ada.password);
    await ready(writer.send(query('begin')));
    const running = goOn(client);
    const exited = gateway.end('SIGTERM');
    expect(lastWords(await running)).toMatchObject({
      sqlState: '57P01',
      message: expect.stringMatching(/shutting down/) as string,
    });
    // A transaction is spared, with all its statements.
    await ready(writer.send(query('create table written (what text)')));
    await ready(writer.send(query('commit')));
    expect(lastWords(await writer.rest())).toMatchObject({ sqlState: '57P01' });
    expect(await exited).toBe(0);
    writer.destroy();
    expect(await queryOne(gateway.engine.url, 'select count(*)::int from written')).toBe(0);
    await gateway.stop();
  });
});

async function ready(client: WireClient): Promise<void> {
  for (let message = await client.next(); message?.type !== 'Z'; message = await client.next())
    if (message === null || message.type === 'E') throw new Error('no answer');
}
