import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserView } from '../../../src/accounts/views.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { Authentication, ProvedCaller } from '../../../src/tokens/authenticator.ts';
import { generateToken, tokenDigest } from '../../../src/tokens/format.ts';
import {
  actorOf,
  addUser,
  codeOf,
  createServices,
  issueTo,
  proved,
  ORIGIN,
  PASSWORD,
  ROOT,
  type TestServices,
} from '../../support/services.ts';

const HOUR_MS = 3_600_000;
const REFUSED = 'request.unauthenticated';

let services: TestServices;
let ada: UserView;
beforeAll(async () => {
  services = await createServices('authenticator');
  ada = await addUser(services, { email: 'ada@example.com', password: PASSWORD });
});
afterAll(() => services.drop());

/** What the caller is, or why not. */
function outcome(answer: Authentication): string {
  return answer.ok ? `${answer.actor.name} by ${answer.actor.via}` : answer.reason;
}

const password = async (name: string, secret: Secret) =>
  outcome(await services.authenticator.password(name, secret, ORIGIN));
const bearer = async (secret: Secret, address = ORIGIN.address) =>
  outcome(await services.authenticator.bearer(secret, { ...ORIGIN, address }));

describe('a name with a secret', () => {
  it.each<[string, () => [string, Secret], () => string]>([
    ['the password', () => [ada.name, PASSWORD], () => `${ada.name} by password`],
    [
      'the password, by e-mail in any case',
      () => ['ADA@example.com', PASSWORD],
      () => `${ada.name} by password`,
    ],
    ['a wrong password', () => [ada.name, new Secret('not this one')], () => 'login.wrong_secret'],
    ['an empty one', () => [ada.name, new Secret('')], () => 'login.empty_password'],
    ['nobody’s name', () => ['nobody', PASSWORD], () => 'login.unknown_user'],
    ['a name that no text column takes', () => ['a\0b', PASSWORD], () => 'login.unknown_user'],
    ['a token user, with a password', () => ['$token', PASSWORD], () => 'login.not_a_token'],
    ['a token that was never issued', () => [ada.name, generateToken('pat')], () => 'login.unknown_token'],
  ])('%s', async (_what, given, expected) => {
    const [name, secret] = given();
    expect(await password(name, secret)).toBe(expected());
  });

  it('takes an own token for a password, and no other’s', async () => {
    const bob = await addUser(services);
    const { token, info } = await issueTo(services, ada);
    expect(await password(ada.name, token)).toBe(`${ada.name} by token`);
    expect(await password('token', token)).toBe(`${ada.name} by token`);
    expect(await password(bob.name, token)).toBe('login.wrong_owner');
    await services.tokens.revoke(ROOT, info.tid);
    expect(await password(ada.name, token)).toBe('login.token_revoked');
  });

  it('takes no session for a password, so that none begins another', async () => {
    const { info } = await issueTo(services, ada);
    const opened = [
      await services.authenticator.openSession(proved(actorOf(ada)), 'login'),
      await services.authenticator.openSession(proved(actorOf(ada)), 'web'),
      await services.authenticator.openSession(proved(actorOf(ada, { tid: info.tid })), 'exchange'),
    ];
    for (const { token } of opened) {
      expect(await password(ada.name, token)).toBe('login.not_a_token');
      expect(await password('$token', token)).toBe('login.not_a_token');
      expect(await bearer(token)).toBe(`${ada.name} by session`);
    }
  });

  it('is on record with the true reason, and without the secret', async () => {
    const secret = new Secret('a very particular secret');
    await password(ada.name, secret);
    await services.audit.flush();
    const [row] = await services.audit.list({ action: 'http.login', limit: 1 });
    expect(row).toMatchObject({
      outcome: 'refused',
      reason: 'login.wrong_secret',
      actor: { uid: ada.uid, name: ada.name, via: 'unproved', tid: null },
      ...ORIGIN,
    });
    expect(JSON.stringify(row)).not.toContain(secret.reveal());
  });
});

describe('whoever comes from an address that is not allowed', () => {
  const AWAY = { ...ORIGIN, address: '198.51.100.9' };
  const LIST = { networks: ['192.0.2.0/24'] };

  it.each([
    [
      'login.user_network_not_allowed',
      (uid: string, list: typeof LIST) => services.accounts.setUser(ROOT, uid, list),
      (uid: string) => services.accounts.setUser(ROOT, uid, { networks: null }),
    ],
    [
      'login.policy_network_not_allowed',
      (_uid: string, list: typeof LIST) => services.policy.set(ROOT, list),
      () => services.policy.set(ROOT, { networks: null }),
    ],
  ])('is refused with %s, by whatever they prove themselves', async (code, forbid, allow) => {
    const { authenticator } = services;
    const eve = await addUser(services, { password: PASSWORD });
    const bob = await addUser(services);
    const { token } = await issueTo(services, eve);
    const session = await authenticator.openSession(proved(actorOf(eve)), 'web');
    const ways = (origin: typeof ORIGIN) =>
      Promise.all([
        authenticator.password(eve.name, PASSWORD, origin),
        authenticator.password(eve.name, token, origin),
        authenticator.password('$token', token, origin),
        authenticator.vouched(eve.name, origin),
        authenticator.bearer(token, origin),
        authenticator.bearer(session.token, origin),
      ]);
    await forbid(eve.uid, LIST);
    try {
      const there = { ...ORIGIN, address: '192.0.2.9' };
      expect((await ways(there)).map(outcome)).not.toContain(code);
      const refused = await ways(AWAY);
      expect(refused.map(outcome)).toEqual(refused.map(() => code));
      for (const answer of refused) expect(answer).toMatchObject({ subject: { uid: eve.uid } });
      // Who has proved less hears nothing of it, nor does who names somebody else.
      const wrong = await authenticator.password(eve.name, new Secret('not this one'), AWAY);
      expect(outcome(wrong)).toBe('login.wrong_secret');
      expect(outcome(await authenticator.password(bob.name, token, AWAY))).toBe('login.wrong_owner');
    } finally {
      await allow(eve.uid);
    }
  });
});

describe('a bearer', () => {
  it('is a live token’s, from where that may be used', async () => {
    const { token } = await issueTo(services, ada, { networks: ['192.0.2.0/24', '2001:db8::/32'] });
    expect(await bearer(token)).toBe(`${ada.name} by token`);
    expect(await bearer(token, '::ffff:192.0.2.9')).toBe(`${ada.name} by token`);
    expect(await bearer(token, '2001:db8::1')).toBe(`${ada.name} by token`);
    for (const address of ['192.0.3.1', '2001:db9::1', '', null]) {
      expect(await bearer(token, address)).toBe('login.network_not_allowed');
    }
  });

  it('that is refused is on record, with whose it was', async () => {
    const { token, info } = await issueTo(services, ada);
    await services.tokens.revoke(ROOT, info.tid);
    expect(await bearer(token)).toBe('login.token_revoked');
    await services.audit.flush();
    const [row] = await services.audit.list({ action: 'http.bearer', limit: 1 });
    expect(row).toMatchObject({
      outcome: 'refused',
      reason: 'login.token_revoked',
      actor: { uid: ada.uid, name: ada.name, tid: info.tid },
    });
  });

  it('that nobody ever issued is a row of its own a few times, and counted from then on', async () => {
    const from = '198.51.100.7';
    const { token, info } = await issueTo(services, ada);
    await services.tokens.revoke(ROOT, info.tid);
    const before = (await services.audit.list({ limit: 1 }))[0]?.seq ?? 0;
    for (let n = 0; n < 100; n += 1) await bearer(generateToken('pat'), from);
    for (let n = 0; n < 3; n += 1) await bearer(token, from);
    services.refusals.flush();
    await services.audit.flush();
    const rows = (await services.audit.list({ action: 'http.bearer', limit: 200 })).filter(
      ({ seq }) => seq > before,
    );
    const unknown = rows.filter(({ reason }) => reason === 'login.unknown_token');
    expect(unknown).toHaveLength(61);
    expect(
      unknown.map(({ detail }) => detail?.['folded'] ?? 1).reduce((sum, n) => Number(sum) + Number(n)),
    ).toBe(100);
    // Whoever has a secret that was right once is told of each time.
    expect(rows.filter(({ reason }) => reason === 'login.token_revoked')).toHaveLength(3);
  });

  it('is a session’s until that ends', async () => {
    const { authenticator } = services;
    const { token, expiresAt } = await authenticator.openSession(proved(actorOf(ada)), 'login');
    expect(Math.round((expiresAt.getTime() - Date.now()) / HOUR_MS)).toBe(30);
    expect(await bearer(token)).toBe(`${ada.name} by session`);
    await authenticator.endSession(token, ORIGIN);
    await authenticator.endSession(token, ORIGIN);
    expect(await bearer(token)).toBe('login.unknown_token');
    const rows = await services.audit.list({ action: 'http.logout', uid: ada.uid });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ actor: { name: ada.name, via: 'session' }, ...ORIGIN });
  });

  it('has the scopes of the token behind its session, and no others', async () => {
    const { info } = await issueTo(services, ada, { scopes: ['tokens'] });
    const opened = await services.authenticator.openSession(proved(actorOf(ada, { tid: info.tid })), 'login');
    const answer = await services.authenticator.bearer(opened.token, ORIGIN);
    expect(answer).toMatchObject({ ok: true, actor: { tid: info.tid, scopes: ['tokens'], via: 'session' } });
  });
});

describe('a session that is opened once its password was proved', () => {
  const NEW = new Secret('another password');

  async function prove(user: UserView): Promise<ProvedCaller> {
    const answer = await services.authenticator.password(user.name, PASSWORD, ORIGIN);
    if (!answer.ok) throw new Error(answer.reason);
    return answer;
  }

  it.each<[string, (uid: string) => Promise<unknown>, string]>([
    ['nothing', () => Promise.resolve(), 'ok'],
    ['the password was changed', (uid) => services.accounts.setPassword(ROOT, uid, NEW), REFUSED],
    ['the user was disabled', (uid) => services.accounts.disableUser(ROOT, uid), REFUSED],
    ['the user was removed', (uid) => services.accounts.removeUser(ROOT, uid), REFUSED],
  ])('is none when meanwhile: %s', async (_what, change, expected) => {
    for (const kind of ['login', 'web'] as const) {
      const user = await addUser(services, { password: PASSWORD });
      const answer = await prove(user);
      await change(user.uid);
      expect(await codeOf(services.authenticator.openSession(answer, kind))).toBe(expected);
      if (expected === 'ok') continue;
      await services.audit.flush();
      const [row] = await services.audit.list({ action: 'http.login', uid: user.uid, limit: 1 });
      expect(row).toMatchObject({ outcome: 'refused', reason: expected, ...ORIGIN });
    }
  });

  it('is none either for whom something else vouched, when the user was disabled or removed', async () => {
    for (const change of ['disableUser', 'removeUser'] as const) {
      const user = await addUser(services);
      const answer = await services.authenticator.vouched(user.name, ORIGIN);
      if (!answer.ok) throw new Error(answer.reason);
      await services.accounts[change](ROOT, user.uid);
      expect(await codeOf(services.authenticator.openSession(answer, 'web'))).toBe(REFUSED);
    }
  });

  it('waits for a change that is being made, and is none once it is', async () => {
    const { store } = services.test;
    const user = await addUser(services, { password: PASSWORD });
    const [answer, other] = [await prove(user), await addUser(services, { password: NEW })];
    const opened = await store.transaction(async (trx) => {
      const { password } = await trx
        .selectFrom('users')
        .select('password')
        .where('uid', '=', other.uid)
        .executeTakeFirstOrThrow();
      await trx.updateTable('users').set({ password }).where('uid', '=', user.uid).execute();
      const outcome = codeOf(services.authenticator.openSession(answer, 'login'));
      await expect.poll(() => sessionsThatWait(), { timeout: 5000 }).toBe(1);
      return { outcome };
    });
    expect(await opened.outcome).toBe(REFUSED);
  });

  /** How many of the store's sessions wait for a row that another one holds. */
  async function sessionsThatWait(): Promise<number> {
    const { rows } = await sql<{ waiting: number }>`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(services.test.store.db);
    return rows[0]?.waiting ?? 0;
  }
});

describe('what was got for a token', () => {
  const exchange = (tid: string) =>
    services.authenticator.openSession(proved(actorOf(ada, { tid })), 'exchange');

  it('lives an hour, or as long as the token', async () => {
    const long = await issueTo(services, ada);
    const short = await issueTo(services, ada, { lifetime: { ms: HOUR_MS / 2 } });
    const inMs = ({ expiresAt }: { expiresAt: Date }) => expiresAt.getTime() - Date.now();
    expect(inMs(await exchange(long.info.tid)) / HOUR_MS).toBeCloseTo(1, 1);
    expect((await exchange(short.info.tid)).expiresAt).toEqual(short.info.expiresAt);
  });

  it('is on record together with it, since it opens sessions by itself', async () => {
    const { info } = await issueTo(services, ada, { label: 'nightly' });
    const { expiresAt, token } = await exchange(info.tid);
    const rows = await services.audit.list({ action: 'token.exchange', tid: info.tid });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      outcome: 'ok',
      actor: { uid: ada.uid, name: ada.name, tid: info.tid },
      target: { kind: 'token', id: info.tid, name: 'nightly' },
      detail: { expiresAt: expiresAt.toISOString() },
      ...ORIGIN,
    });
    expect(JSON.stringify(rows)).not.toContain(token.reveal());
    // Logins have rows of their own.
    await services.authenticator.openSession(proved(actorOf(ada, { tid: info.tid })), 'login');
    expect(await services.audit.list({ action: 'token.exchange', tid: info.tid })).toHaveLength(1);
  });

  it('is good as a wire password, too, and dies with the token', async () => {
    const { info } = await issueTo(services, ada);
    const { token } = await exchange(info.tid);
    const onTheWire = async () => {
      const found = await services.credentials.byToken(tokenDigest(token.reveal()));
      return [found?.token.tid, found?.token.revokedAt === null];
    };
    expect(await onTheWire()).toEqual([info.tid, true]);
    expect(await bearer(token)).toBe(`${ada.name} by session`);
    await services.tokens.revoke(ROOT, info.tid);
    expect(await onTheWire()).toEqual([info.tid, false]);
    expect(await bearer(token)).toBe('login.token_revoked');
    expect(await codeOf(exchange(info.tid))).toBe('request.unauthenticated');
  });
});
