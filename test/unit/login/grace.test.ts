import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { HOUR_MS } from '../../../src/core/duration.ts';
import { createOauthVerifier } from '../../../src/login/oauth-verifier.ts';
import { DEFAULT_THROTTLE, Throttle } from '../../../src/login/throttle.ts';
import type { GatewayEvent } from '../../../src/store/bus.ts';
import { storeError } from '../../../src/store/errors.ts';
import type { AccountCredentials, Credentials, TokenCredential } from '../../../src/tokens/credentials.ts';
import { tokenDigest } from '../../../src/tokens/format.ts';
import { StoreGrace } from '../../../src/tokens/store-grace.ts';
import { startIdentityProvider } from '../../support/identity-provider.ts';
import { startLoginServer, type Ending, type LoginServer } from '../../support/login-server.ts';
import { MemoryCredentials, unknownToken, type IssuedToken } from '../../support/memory-credentials.ts';
import { MovedClock } from '../../support/services.ts';
import { silentLog } from '../../support/store.ts';

const GRACE_MS = HOUR_MS;
const AWAY = {
  code: '57P03',
  message: 'logins are unavailable: the token store cannot be reached at the moment',
};

/** What a demoted primary says. */
const READ_ONLY = Object.assign(
  new pg.DatabaseError('cannot execute in a read-only transaction', 0, 'error'),
  {
    code: '25006',
  },
);

type Store = 'there' | 'away' | 'demoted' | 'silent';

/** A store that can be gone, and one in which something happens while it is being read. */
class Troubled implements Credentials {
  state: Store = 'there';
  meanwhile: () => void = () => undefined;
  readonly #inner = new MemoryCredentials();
  readonly people = this.#inner;

  byName = (name: string) => this.#ask(() => this.#inner.byName(name));
  byToken = (digest: Buffer) => this.#ask(() => this.#inner.byToken(digest));
  byTid = (tid: string) => this.#ask(() => this.#inner.byTid(tid));
  storeSecret = () => this.#inner.storeSecret();
  ping = () => this.#ask(() => Promise.resolve());

  async #ask<T>(read: () => Promise<T>): Promise<T> {
    if (this.state === 'away') throw storeError(new Error('Connection terminated'));
    if (this.state === 'demoted') throw storeError(READ_ONLY);
    if (this.state === 'silent') await new Promise(() => undefined);
    const answer = await read();
    this.meanwhile();
    return answer;
  }
}

let store: Troubled;
let clock: MovedClock;
let grace: StoreGrace;
let server: LoginServer;
let ada: { uid: string };
let laptop: IssuedToken;
let other: IssuedToken;
let brief: IssuedToken;
let graceMs = GRACE_MS;

beforeAll(async () => {
  store = new Troubled();
  server = await startLoginServer({ credentials: store });
  const account = await store.people.addUser('ada', { password: 'ada password' });
  ada = account;
  laptop = await store.people.addToken(account);
  other = await store.people.addToken(account);
  brief = await store.people.addToken(account, { expiresAt: new Date(Date.now() + GRACE_MS / 2) });
  const hashed = await store.people.addUser('hashed');
  const hash = await server.deps.hasher.argon2Hash('hashed password');
  store.people.setPassword(hashed, { kind: 'argon2id', hash });
});
beforeEach(() => {
  store.state = 'there';
  store.meanwhile = () => undefined;
  graceMs = GRACE_MS;
  clock = new MovedClock();
  grace = new StoreGrace({ graceMs: () => graceMs, store, clock, log: silentLog });
  server.deps = { ...server.deps, method: 'scram-sha-256', clock, grace };
});
afterAll(() => server.close());

async function logIn(user: string, password: string): Promise<Ending> {
  const tls = { rejectUnauthorized: false };
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user, password, ssl: tls });
  client.on('error', () => undefined);
  const connected = client.connect().then(() => null);
  const failure = await connected.catch((error: unknown) => error as { code: string; message: string });
  await client.end().catch(() => undefined);
  const ending = await server.ending();
  if (ending.kind !== 'refused') expect(failure).toBeNull();
  else
    expect(failure).toMatchObject({
      code: ending.error.client.sqlState,
      message: ending.error.client.message,
    });
  return ending;
}

const byGrace = { kind: 'proved', byGrace: true };
const away = { kind: 'refused', error: { client: { sqlState: AWAY.code, message: AWAY.message } } };

describe.each([
  { way: 'a token in cleartext', method: 'scram-sha-256', user: () => '$token', secret: () => laptop.text },
  { way: 'a token in cleartext, by name', method: 'cleartext', user: () => 'ada', secret: () => laptop.text },
  {
    way: 'a token in cleartext, by e-mail address',
    method: 'cleartext',
    user: () => 'Ada@example.com',
    secret: () => laptop.text,
  },
  {
    way: 'a password in cleartext',
    method: 'cleartext',
    user: () => 'hashed',
    secret: () => 'hashed password',
  },
  { way: 'a password over SCRAM', method: 'scram-sha-256', user: () => 'ada', secret: () => 'ada password' },
  { way: 'a token over SCRAM', method: 'scram-sha-256', user: () => 'ada', secret: () => laptop.text },
  {
    way: 'a token by its id',
    method: 'scram-sha-256',
    user: () => `$token.${laptop.tid}`,
    secret: () => laptop.text,
  },
] as const)('$way', ({ method, user, secret }) => {
  beforeEach(() => {
    server.deps = { ...server.deps, method };
  });

  test('opens sessions while the store is away, once the store had found it right', async () => {
    store.state = 'away';
    expect(await logIn(user(), secret())).toMatchObject(away);
    store.state = 'there';
    const first = await logIn(user(), secret());
    expect(first).toMatchObject({ kind: 'proved' });
    expect(first).not.toHaveProperty('byGrace');
    store.state = 'away';
    const second = await logIn(user(), secret());
    expect(second).toMatchObject(byGrace);
    if (first.kind !== 'proved' || second.kind !== 'proved') throw new Error('not proved');
    expect(second.principal).toEqual(first.principal);
    expect(grace.logins).toBe(1);
  });

  test('does not open any by another secret, and does not say which secret is wrong', async () => {
    await logIn(user(), secret());
    store.state = 'away';
    for (const wrong of [other.text, unknownToken(), 'a guess']) {
      if (user() === '$token' && wrong === 'a guess') continue;
      expect(await logIn(user(), wrong)).toMatchObject(away);
    }
    expect(await logIn('nobody', secret())).toMatchObject(away);
  });
});

describe('a secret that the store found right', () => {
  test.each<[what: string, happen: () => void, outcome: object]>([
    ['just within the grace', () => clock.move(GRACE_MS - 5000), byGrace],
    ['the grace is over', () => clock.move(GRACE_MS), away],
    ['the machine slept, and only its clock knows', () => clock.set(GRACE_MS), away],
    [
      'the clock was set back before the grace was over',
      () => {
        clock.set(-10 * GRACE_MS);
        clock.move(GRACE_MS);
      },
      away,
    ],
    ['grace was switched off', () => (graceMs = 0), away],
    ['it is said to be revoked', () => tell({ kind: 'tokens', tids: [laptop.tid], change: 'revoked' }), away],
    ['another one is', () => tell({ kind: 'tokens', tids: [other.tid], change: 'revoked' }), byGrace],
    ['its owner was changed', () => tell({ kind: 'account', uid: ada.uid }), away],
    ['somebody else was', () => tell({ kind: 'account', uid: other.tid }), byGrace],
    ['the policy was changed', () => tell({ kind: 'policy' }), away],
    ['events may have been missed', () => tell({ kind: 'resync' }), away],
    ['a cancel request went by', () => tell({ kind: 'cancel', processId: 1, keyDigest: '' }), byGrace],
  ])('%s', async (_what, happen, outcome) => {
    for (const user of ['$token', 'ada']) await logIn(user, laptop.text);
    store.state = 'away';
    happen();
    for (const user of ['$token', 'ada']) expect(await logIn(user, laptop.text)).toMatchObject(outcome);
  });

  const tell = (event: GatewayEvent) => grace.handle(event);

  test('is not remembered when it is revoked between the question and the proof', async () => {
    store.meanwhile = () => tell({ kind: 'tokens', tids: [laptop.tid], change: 'revoked' });
    for (const user of ['$token', 'ada']) await logIn(user, laptop.text);
    store.state = 'away';
    for (const user of ['$token', 'ada']) expect(await logIn(user, laptop.text)).toMatchObject(away);
  });

  test('expires by the clock as ever', async () => {
    await logIn('$token', brief.text);
    store.state = 'away';
    expect(await logIn('$token', brief.text)).toMatchObject(byGrace);
    clock.move(GRACE_MS / 2);
    const expired = { kind: 'refused', error: { code: 'login.token_expired' } };
    expect(await logIn('$token', brief.text)).toMatchObject(expired);
  });

  test('gains no time by logging in while the store is away', async () => {
    await logIn('$token', laptop.text);
    store.state = 'away';
    clock.move(GRACE_MS / 2);
    expect(await logIn('$token', laptop.text)).toMatchObject(byGrace);
    clock.move(GRACE_MS / 2);
    expect(await logIn('$token', laptop.text)).toMatchObject(away);
  });

  test('does not open sessions while the store is there and says no', async () => {
    await logIn('$token', laptop.text);
    store.people.tokensEnabled = false;
    const refused = { kind: 'refused', error: { code: 'login.tokens_off' } };
    expect(await logIn('$token', laptop.text)).toMatchObject(refused);
    store.people.tokensEnabled = true;
  });

  test('waits for a silent store only until it is known to be', async () => {
    await logIn('$token', laptop.text);
    store.state = 'away';
    await logIn('$token', laptop.text);
    expect(grace.away).not.toBeNull();
    store.state = 'silent';
    expect(await logIn('$token', laptop.text)).toMatchObject(byGrace);
    store.state = 'there';
    expect(await logIn('$token', laptop.text)).toMatchObject({ kind: 'proved' });
    expect(grace.away).toBeNull();
  });
});

describe('a change that no event has told of', () => {
  let eve: AccountCredentials;
  let name: string;
  let token: IssuedToken;
  let second: IssuedToken;
  let count = 0;
  beforeEach(async () => {
    name = `eve${(count += 1)}`;
    eve = await store.people.addUser(name, { password: 'eve password' });
    token = await store.people.addToken(eve);
    second = await store.people.addToken(eve);
  });
  afterEach(() => {
    store.people.tokensEnabled = true;
  });

  const ways = () =>
    [
      ['$token', token.text],
      [name, token.text],
      [name, 'eve password'],
    ] as const;
  const outcomes = async () => {
    const found = [];
    for (const [user, secret] of ways()) {
      const ending = await logIn(user, secret);
      found.push(ending.kind === 'refused' ? ending.error.code : ending.kind);
    }
    return found;
  };
  const gone = 'store.unreachable';

  test.each<[what: string, change: () => void, left: readonly string[]]>([
    ['nothing', () => undefined, ['proved', 'proved', 'proved']],
    ['the token was revoked', () => revoke(token), [gone, gone, 'proved']],
    [
      'the token retires',
      () => setToken({ retiresAt: new Date(Date.now() + HOUR_MS) }),
      [gone, gone, 'proved'],
    ],
    ['another one was', () => revoke(second), ['proved', 'proved', 'proved']],
    ['the user was disabled', () => setUser({ disabled: true }), [gone, gone, gone]],
    [
      'the user may come from elsewhere only',
      () => setUser({ networks: ['192.0.2.0/24'] }),
      [gone, gone, gone],
    ],
    [
      'all may come from elsewhere only',
      () => setUser({ policyNetworks: ['192.0.2.0/24'] }),
      [gone, gone, gone],
    ],
    ['the user may not use tokens', () => setUser({ privileges: new Set() }), [gone, gone, gone]],
    ['tokens were switched off', () => (store.people.tokensEnabled = false), [gone, gone, gone]],
    ['the password is another one', () => setUser({ password: null }), ['proved', 'proved', gone]],
  ])(
    'is seen in what the store answers to anybody who asks about that user: %s',
    async (_what, change, left) => {
      expect(await outcomes()).toEqual(['proved', 'proved', 'proved']);
      change();
      expect(await logIn(name, 'a guess')).toMatchObject({ kind: 'refused' });
      store.state = 'away';
      expect(await outcomes()).toEqual(left);
    },
  );

  test('is seen in the refusal of a token by itself, and holds for every way to log in by it', async () => {
    await outcomes();
    revoke(token);
    const refused = {
      kind: 'refused',
      error: { code: 'login.token_revoked', client: { sqlState: '28P01' } },
    };
    expect(await logIn('$token', token.text)).toMatchObject(refused);
    store.state = 'away';
    expect(await outcomes()).toEqual([gone, gone, 'proved']);
  });

  test('is seen where the store knows of no such token any more', async () => {
    await logIn('$token', token.text);
    store.people.setToken(token, null);
    await logIn('$token', token.text);
    store.state = 'away';
    expect(await logIn('$token', token.text)).toMatchObject(away);
  });

  test('counts also for a login that the store had answered before', async () => {
    const asked = grace.secrets.asks();
    const answer = await store.people.byName(name);
    const proved = await logIn(name, token.text);
    if (answer === null || proved.kind !== 'proved') throw new Error('not proved');
    const answered = grace.secrets.answered(`name ${name}`, answer, asked);
    if (answered === null) throw new Error('not to be remembered');
    grace.secrets.clear();
    const before = { ...answered, epoch: grace.secrets.epoch };
    revoke(token);
    await logIn('$token', token.text);
    grace.secrets.remember(before, proved.principal);
    store.state = 'away';
    expect(await logIn(name, token.text)).toMatchObject(away);
  });

  const revoke = (one: IssuedToken) => store.people.setToken(one, { revokedAt: new Date() });
  const setToken = (change: Partial<TokenCredential>) => store.people.setToken(token, change);
  const setUser = (change: Partial<AccountCredentials>) => store.people.setUser(eve, change);
});

describe('without events', () => {
  beforeEach(() => logIn('$token', laptop.text));
  const deaf = () => grace.handle({ kind: 'deaf' });

  test('what was verified before counts while the store does not answer either', async () => {
    store.state = 'away';
    deaf();
    expect(await logIn('$token', laptop.text)).toMatchObject(byGrace);
    deaf();
    expect(await logIn('$token', laptop.text)).toMatchObject(byGrace);
  });

  test('it counts no more once the store has answered anybody', async () => {
    store.state = 'silent';
    deaf();
    store.state = 'there';
    await logIn('ada', 'a guess');
    store.state = 'away';
    expect(await logIn('$token', laptop.text)).toMatchObject(away);
  });

  test('nor when nobody logs in, and the store is there', async () => {
    deaf();
    await vi.waitFor(() => expect(grace.secrets.size).toBe(0));
  });

  test('the store is looked for again as often as connecting fails', async () => {
    store.state = 'away';
    deaf();
    await setImmediate();
    store.state = 'there';
    deaf();
    await vi.waitFor(() => expect(grace.secrets.size).toBe(0));
  });

  test('nothing is remembered until they come again', async () => {
    deaf();
    await logIn('$token', laptop.text);
    expect(grace.secrets.size).toBe(0);
    grace.handle({ kind: 'resync' });
    await logIn('$token', laptop.text);
    expect(grace.secrets.size).toBe(1);
    store.state = 'away';
    expect(await logIn('$token', laptop.text)).toMatchObject(byGrace);
  });
});

describe('what is remembered', () => {
  const cleartext = () => grace.secrets.recall(`token ${tokenDigest(laptop.text).toString('hex')}`);
  const byName = () => grace.secrets.recall('name ada');

  test('of a token that came in cleartext has no keys, and of others none but its own', async () => {
    await logIn('$token', laptop.text);
    expect(cleartext()?.tokens).toMatchObject([{ tid: laptop.tid, storedKey: Buffer.alloc(0) }]);
    expect(cleartext()?.account.password).toBeNull();
    await logIn('ada', laptop.text);
    expect(byName()?.tokens.map(({ tid }) => tid)).toEqual([laptop.tid]);
    expect(byName()?.account.password).toBeNull();
    await logIn('ada', 'ada password');
    expect(byName()?.account.password).not.toBeNull();
  });

  test('is not what was exchanged for a token when the token was proved', async () => {
    const outcome = await logIn('ada', laptop.text);
    const found = await store.people.byName('ada');
    const token = found?.tokens.find(({ tid }) => tid === laptop.tid);
    if (outcome.kind !== 'proved' || found === null || token === undefined) throw new Error('not proved');
    const exchanged = { ...token, expiresAt: new Date(Date.now() + GRACE_MS) };
    const remember = (question: string, tokens: readonly (typeof token)[]) => {
      const { secrets } = grace;
      const answer = { ...found, tokens };
      secrets.remember({ question, answer, at: secrets.now(), epoch: secrets.epoch }, outcome.principal);
      return secrets.recall(question)?.tokens ?? [];
    };
    expect(remember('one of two', [exchanged, token])).toEqual([token]);
    expect(remember('two alike', [token, token])).toEqual([]);
  });

  test('lets no token of an identity provider in, for which there is an account but no secret', async () => {
    const provider = await startIdentityProvider();
    onTestFinished(() => provider.close());
    const { issuer, jwksUrl } = provider;
    const options = { issuer, jwksUrl, audience: 'patgate', userClaim: 'email', scopes: [] };
    server.deps = { ...server.deps, oauth: createOauthVerifier(options, systemClock) };
    const jwt = await provider.token();
    await logIn('ada@example.com', 'ada password');
    expect(await logIn('$token', jwt)).toMatchObject({ kind: 'proved', principal: { provedBy: 'oauth' } });
    store.state = 'away';
    expect(await logIn('ada@example.com', 'ada password')).toMatchObject(byGrace);
    expect(await logIn('$token', jwt)).toMatchObject(away);
  });
});

test('a store that takes no changes, in the middle of a failover, is away, too', async () => {
  await logIn('$token', laptop.text);
  store.state = 'demoted';
  expect(await logIn('$token', laptop.text)).toMatchObject(byGrace);
  expect(await logIn('$token', other.text)).toMatchObject({
    kind: 'refused',
    error: { code: 'store.read_only' },
  });
});

test('guesses count while the store is away', async () => {
  const throttle = new Throttle(clock, { ...DEFAULT_THROTTLE, free: 2 });
  server.deps = { ...server.deps, throttle };
  await logIn('ada', 'ada password');
  store.state = 'away';
  const codes = [];
  for (let n = 0; n < 4; n += 1) {
    const ending = await logIn('ada', `guess ${n}`);
    codes.push(ending.kind === 'refused' ? ending.error.code : ending.kind);
  }
  expect(codes.slice(0, 2)).toEqual(['store.unreachable', 'store.unreachable']);
  expect(codes.slice(-1)).toEqual(['login.throttled']);
});

test('without the setting nothing is remembered, and the store alone is asked', () => {
  graceMs = 0;
  expect(grace.begin(store)).toBeNull();
  expect(grace.secrets.size).toBe(0);
});

test('remembers no more than ten thousand', async () => {
  const account = await store.people.addUser('many', { password: 'x' });
  const outcome = await logIn('many', 'x');
  if (outcome.kind !== 'proved') throw new Error('not proved');
  const { secrets } = grace;
  const answer = { account, tokens: [], tokensEnabled: true };
  for (let n = 0; n < 10_100; n += 1) {
    secrets.remember(
      { question: `name ${n}`, answer, at: secrets.now(), epoch: secrets.epoch },
      outcome.principal,
    );
  }
  expect(secrets.size).toBe(10_000);
  expect(secrets.recall('name 10')).toBeNull();
  expect(secrets.recall('name 10099')?.account.name).toBe('many');
});
