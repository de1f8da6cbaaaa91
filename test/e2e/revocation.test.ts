import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { Secret } from '../../src/core/secret.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { queryOne } from '../support/query.ts';
import { startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';
import { errorFields, WireClient } from '../support/wire-client.ts';

const ADMIN = systemActor('revocation test');
const NOWHERE = { address: null, application: null };

interface Session {
  readonly client: pg.Client;
  /** What the session ended with: SQLSTATE and text. */
  readonly ended: Promise<{ code: string; message: string }>;
}

async function open(gateway: TestGateway, user: string, secret: string, database?: string): Promise<Session> {
  const client = new pg.Client(gateway.clientConfig(user, secret, database));
  const ended = new Promise<{ code: string; message: string }>((resolve) => {
    client.on('error', (error: Error & { code?: string }) =>
      resolve({ code: error.code ?? '', message: error.message }),
    );
  });
  await client.connect();
  return { client, ended };
}

describe('a right that is taken away', () => {
  let gateway: TestGateway;
  let ada: TestUser;
  beforeAll(async () => {
    gateway = await startGateway({ 'sessions.max': '3000' });
    ada = await gateway.addUser('ada');
  });
  afterAll(() => gateway.stop());

  /** Why the session that a token opened was closed, as the audit has it. */
  async function closedBecause(tid: string): Promise<unknown> {
    const [row] = await gateway.services.audit.list({ action: 'session.close', tid });
    return row?.reason;
  }

  it('ends an idle session with the reason, and leaves others alone', async () => {
    const { tid, token } = await gateway.issueToken(ada, { label: 'laptop' });
    const revoked = await open(gateway, '$token', token);
    const own = await open(gateway, 'ada', ada.password);
    await gateway.services.tokens.revoke(ADMIN, tid, 'lost on a train');
    expect(await revoked.ended).toEqual({
      code: '57P01',
      message: expect.stringMatching(/token "laptop" was revoked \(lost on a train\)/) as string,
    });
    await expect.poll(() => closedBecause(tid)).toBe('session.revoked');
    expect((await own.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await own.client.end();
    await expect(open(gateway, '$token', token)).rejects.toMatchObject({ code: '28P01' });
  });

  it('cancels a statement under way and then ends its session, between two messages', async () => {
    const { tid, token } = await gateway.issueToken(ada, { label: 'report' });
    const busy = await open(gateway, 'ada', token);
    const outcome = busy.client.query('select pg_sleep(60)').then(
      () => 'finished',
      (error: unknown) => (error as { code?: string }).code,
    );
    await gateway.services.tokens.revoke(ADMIN, tid);
    expect(await outcome).toBe('57014');
    expect(await busy.ended).toMatchObject({ code: '57P01' });
    const running = await queryOne(
      gateway.engine.url,
      `select count(*)::int from pg_stat_activity
        where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()`,
    );
    expect(running).toBe(0);
  });

  it.each([
    ['is reported as leaked', (secret: Secret) => gateway.services.tokens.reportLeaked(secret, NOWHERE)],
    ['is logged out', (secret: Secret) => gateway.services.authenticator.endSession(secret, NOWHERE)],
  ])('ends what an exchanged token opened when that %s, and nothing else', async (_what, end) => {
    const { tid, token } = await gateway.issueToken(ada, { label: 'exchanged' });
    const exchange = async (): Promise<Secret> => {
      const proved = await gateway.services.authenticator.bearer(new Secret(token), NOWHERE);
      if (!proved.ok) throw new Error(proved.reason);
      return (await gateway.services.authenticator.openSession(proved, 'exchange')).token;
    };
    const [first, second] = [await exchange(), await exchange()];
    const session = await open(gateway, '$token', first.reveal());
    const bySecond = await open(gateway, 'ada', second.reveal());
    const byToken = await open(gateway, '$token', token);
    const started = performance.now();
    await end(first);
    expect(await session.ended).toEqual({
      code: '57P01',
      message: expect.stringMatching(/access token that token "exchanged" was exchanged for/) as string,
    });
    expect(performance.now() - started).toBeLessThan(2000);
    await expect.poll(() => closedBecause(tid)).toBe('session.revoked');
    await expect(open(gateway, '$token', first.reveal())).rejects.toMatchObject({ code: '28P01' });
    // Whatever concerned those would have ended them by now: one look was at all three.
    for (const { client } of [bySecond, byToken]) {
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      await client.end();
    }
  });

  it.each([
    [
      'the owner is disabled',
      (user: TestUser) => gateway.services.accounts.disableUser(ADMIN, user.uid),
      /disabled/,
      'session.principal_lost',
    ],
    [
      'tokens are switched off',
      () => gateway.services.policy.set(ADMIN, { tokensEnabled: false }),
      /tokens are switched off/,
      'session.tokens_off',
    ],
    [
      'the owner may no longer use tokens',
      () => gateway.services.policy.set(ADMIN, { createAndUse: 'granted' }),
      /may no longer use tokens/,
      'session.principal_lost',
    ],
  ])('ends token sessions when %s', async (_what, takeAway, message, code) => {
    const bob = await gateway.addUser(`bob${Math.random().toString(36).slice(2)}`);
    const { tid, token } = await gateway.issueToken(bob);
    const session = await open(gateway, '$token', token);
    await takeAway(bob);
    expect(await session.ended).toEqual({ code: '57P01', message: expect.stringMatching(message) as string });
    await expect.poll(() => closedBecause(tid)).toBe(code);
    await gateway.services.policy.set(ADMIN, { tokensEnabled: true, createAndUse: 'everyone' });
  });

  it('ends a password session when its user is disabled', async () => {
    const eve = await gateway.addUser('eve');
    const session = await open(gateway, 'eve', eve.password);
    await gateway.services.accounts.disableUser(ADMIN, eve.uid);
    expect(await session.ended).toMatchObject({ code: '57P01' });
  });

  it('ends sessions with a database that their user may not reach any more, and no others', async () => {
    const eva = await gateway.addUser('eva');
    const { name: sales } = gateway.engine;
    const { token } = await gateway.issueToken(eva);
    const setDatabases = (databases: readonly string[] | null) =>
      gateway.services.accounts.setUser(ADMIN, eva.uid, { databases });
    const atConsole = await open(gateway, 'eva', eva.password, 'patgate');
    const sessions = [await open(gateway, 'eva', eva.password), await open(gateway, '$token', token)];
    const other = await open(gateway, 'ada', ada.password);
    await setDatabases([sales]);
    expect(await atConsole.ended).toEqual({
      code: '57P01',
      message: expect.stringMatching(/user "eva" is no longer allowed .* "patgate"/) as string,
    });
    for (const { client } of sessions) {
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    }
    await setDatabases(['elsewhere', `${sales}2`]);
    for (const { ended } of sessions) {
      expect(await ended).toEqual({
        code: '57P01',
        message: expect.stringContaining(`no longer allowed to connect to database "${sales}"`) as string,
      });
    }
    await expect
      .poll(async () => (await gateway.services.audit.list({ action: 'session.close', uid: eva.uid })).length)
      .toBe(3);
    const rows = await gateway.services.audit.list({ action: 'session.close', uid: eva.uid });
    expect(new Set(rows.map(({ reason }) => reason))).toEqual(new Set(['session.database_not_allowed']));
    expect((await other.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await other.client.end();
  });

  it('lets no login slip through that read what its user might reach before', async () => {
    const eve = await gateway.addUser('eve2');
    const before = await open(gateway, 'eve2', eve.password);
    const client = await WireClient.connect({ port: gateway.port, tls: true });
    onTestFinished(() => client.destroy());
    client.startup('eve2', gateway.engine.name);
    await client.scram(eve.password, {
      beforeProof: async () => {
        await gateway.services.accounts.setUser(ADMIN, eve.uid, { databases: ['elsewhere'] });
        await before.ended;
      },
    });
    const errors = (await client.rest()).filter(({ type }) => type === 'E');
    expect(errors.map(({ body }) => errorFields(body).sqlState)).toEqual(['57P01']);
  });

  it('ends what an exchanged token opened at its own end, whatever was asked about the token behind it', async () => {
    const max = await gateway.addUser('max');
    await gateway.services.accounts.grant(ADMIN, 'can_use', { kind: 'user', name: 'max' });
    const { tid, token } = await gateway.issueToken(max, { label: 'exchanged' });
    const answer = await fetch(`${gateway.info.http?.url ?? ''}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:ietf:params:oauth:token-type:dremio:personal-access-token',
        subject_token: token,
      }),
    });
    const { access_token: access = '' } = (await answer.json()) as { access_token?: string };
    await gateway.services.store.db
      .updateTable('http_sessions')
      .set({ expires_at: new Date(Date.now() + 4000) })
      .where('tid', '=', tid)
      .execute();
    const behind = await open(gateway, '$token', token);
    const session = await open(gateway, '$token', access);
    const other = await open(gateway, '$token', (await gateway.issueToken(ada)).token);
    await gateway.services.policy.set(ADMIN, { createAndUse: 'granted' });
    // All sessions have been looked at when this one is ended.
    await other.ended;
    await gateway.services.policy.set(ADMIN, { createAndUse: 'everyone' });
    expect(await session.ended).toEqual({
      code: '57P01',
      message: expect.stringMatching(/token "exchanged" has expired/) as string,
    });
    expect((await behind.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await behind.client.end();
  });

  it('ends a session when its token expires', async () => {
    const { tid, token } = await gateway.issueToken(ada, { lifetime: { ms: 1500 } });
    const session = await open(gateway, '$token', token);
    expect(await session.ended).toEqual({
      code: '57P01',
      message: expect.stringMatching(/has expired/) as string,
    });
    await expect.poll(() => closedBecause(tid)).toBe('session.expired');
  });
});

describe('revocation with two gateways on one store', () => {
  it.each(['1', '2'])(
    'ends sessions on the one that did not hear the request, workers = %s',
    async (workers) => {
      const gateway = await startGatewayProcess({ workers });
      try {
        const ada = await gateway.addUser('ada');
        const { tid, token } = await gateway.issueToken(ada);
        const session = await open(gateway, '$token', token);
        // By another process: the test's own services stand for the other replica.
        await gateway.services.tokens.revoke(ADMIN, tid);
        expect(await session.ended).toMatchObject({ code: '57P01' });
      } finally {
        await gateway.stop();
      }
    },
  );
});
