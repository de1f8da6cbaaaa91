import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOUR_MS } from '../../../src/core/duration.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { LoginRefused } from '../../../src/login/refusal.ts';
import type { LoginMethod } from '../../../src/login/types.ts';
import { startLoginServer, type LoginServer } from '../../support/login-server.ts';
import { MemoryCredentials, unknownToken } from '../../support/memory-credentials.ts';
import { WireClient, type Verdict } from '../../support/wire-client.ts';

const credentials = new MemoryCredentials();
let server: LoginServer;
/** Text of each secret, and the start-up users that mean a token by its id, by the names that the table uses. */
const secrets = new Map<string, string>();
const tids = new Map<string, string>();

beforeAll(async () => {
  server = await startLoginServer({ credentials });
  const ago = (ms: number) => new Date(Date.now() - ms);
  const ada = await credentials.addUser('ada', { password: 'ada password', defaultDatabase: 'sales' });
  const bob = await credentials.addUser('bob', { password: 'bob password' });
  const gone = await credentials.addUser('gone', { password: 'gone password', disabled: true });
  const plain = await credentials.addUser('plain', { mayUseTokens: false, email: null });
  const hashed = await credentials.addUser('hashed', { email: null });
  credentials.setPassword(hashed, {
    kind: 'argon2id',
    hash: await server.deps.hasher.argon2Hash('hashed password'),
  });
  for (const [name, account, rest] of [
    ['ada token', ada, { role: 'reader', databases: ['sales'], expiresAt: new Date(Date.now() + HOUR_MS) }],
    ['ada expired', ada, { expiresAt: ago(49 * HOUR_MS) }],
    ['ada revoked', ada, { revokedAt: ago(HOUR_MS) }],
    ['ada retired', ada, { retiresAt: ago(HOUR_MS) }],
    ['bob token', bob, {}],
    ['gone token', gone, {}],
    ['plain token', plain, {}],
  ] as const) {
    const { text, tid } = await credentials.addToken(account, rest);
    secrets.set(name, text);
    tids.set(name, tid);
  }
  secrets.set('unknown token', unknownToken());
  secrets.set('misspelt token', unknownToken().slice(0, -1) + '!');
  secrets.set(
    'wrong checksum',
    (secrets.get('ada token') ?? '').replace(/.$/, (c) => (c === '0' ? '1' : '0')),
  );
  tids.set('unknown tid', '00000000-0000-4000-8000-000000000000');
});

afterAll(() => server.close());

interface Row {
  /** Start-up user; `$token.<name>` is replaced by that token's id. */
  readonly user: string;
  /** A password as it is, or the name of a token. */
  readonly secret: string;
  /** Who it is, or why not. */
  readonly result: { readonly uid: string; readonly by: 'password' | 'token' } | ErrorCode;
  /** 28P01 when left out. */
  readonly sqlState?: string;
}

const is = (uid: string, by: 'password' | 'token') => ({ uid, by });

const byTokenUser: readonly Row[] = [
  { user: '$token', secret: 'ada token', result: is('ada', 'token') },
  { user: 'token', secret: 'ada token', result: is('ada', 'token') },
  { user: '$token', secret: 'ada password', result: 'login.not_a_token' },
  { user: '$token', secret: 'misspelt token', result: 'login.not_a_token' },
  { user: '$token', secret: 'wrong checksum', result: 'login.not_a_token' },
  { user: '$token', secret: 'unknown token', result: 'login.unknown_token' },
  { user: '$token', secret: 'ada revoked', result: 'login.token_revoked' },
  { user: '$token', secret: 'ada retired', result: 'login.token_revoked' },
  { user: '$token', secret: 'ada expired', result: 'login.token_expired', sqlState: '28000' },
  { user: '$token', secret: 'gone token', result: 'login.owner_disabled' },
  { user: '$token', secret: 'plain token', result: 'login.no_token_privilege', sqlState: '28000' },
  { user: '$token', secret: '', result: 'login.empty_password' },
];

const byName: readonly Row[] = [
  { user: 'ada', secret: 'ada password', result: is('ada', 'password') },
  { user: 'ada@example.com', secret: 'ada password', result: is('ada', 'password') },
  { user: 'ADA@Example.com', secret: 'ada token', result: is('ada', 'token') },
  { user: 'ada', secret: 'ada token', result: is('ada', 'token') },
  { user: 'ada', secret: 'bob password', result: 'login.wrong_secret' },
  { user: 'Ada', secret: 'ada password', result: 'login.unknown_user' },
  { user: 'nobody', secret: 'ada password', result: 'login.unknown_user' },
  { user: 'ada', secret: 'ada revoked', result: 'login.token_revoked' },
  { user: 'ada', secret: 'ada retired', result: 'login.token_revoked' },
  { user: 'gone', secret: 'gone password', result: 'login.owner_disabled' },
  { user: 'gone', secret: 'gone token', result: 'login.owner_disabled' },
  { user: 'plain', secret: 'plain token', result: 'login.no_token_privilege', sqlState: '28000' },
];

const onlyInCleartext: readonly Row[] = [
  { user: 'ada', secret: 'bob token', result: 'login.wrong_owner' },
  { user: 'ada', secret: 'unknown token', result: 'login.unknown_token' },
  { user: 'nobody', secret: 'ada token', result: 'login.wrong_owner' },
  { user: 'ada', secret: 'ada expired', result: 'login.token_expired', sqlState: '28000' },
  { user: 'hashed', secret: 'hashed password', result: is('hashed', 'password') },
  { user: 'hashed', secret: 'ada password', result: 'login.wrong_secret' },
  { user: 'plain', secret: 'ada password', result: 'login.wrong_secret' },
  { user: 'ada', secret: '', result: 'login.empty_password' },
];

const onlyByScram: readonly Row[] = [
  { user: 'ada', secret: 'bob token', result: 'login.wrong_secret' },
  { user: 'ada', secret: 'ada expired', result: 'login.token_expired' },
  { user: 'hashed', secret: 'hashed password', result: 'login.method_unavailable' },
  { user: '$token.ada token', secret: 'ada token', result: is('ada', 'token') },
  { user: 'token.ada token', secret: 'ada token', result: is('ada', 'token') },
  { user: '$token.ada token', secret: 'bob token', result: 'login.wrong_secret' },
  { user: '$token.ada token', secret: 'ada password', result: 'login.wrong_secret' },
  { user: '$token.ada revoked', secret: 'ada revoked', result: 'login.token_revoked' },
  { user: '$token.ada expired', secret: 'ada expired', result: 'login.token_expired' },
  { user: '$token.gone token', secret: 'gone token', result: 'login.owner_disabled' },
  {
    user: '$token.plain token',
    secret: 'plain token',
    result: 'login.no_token_privilege',
    sqlState: '28000',
  },
  { user: '$token.unknown tid', secret: 'ada token', result: 'login.unknown_token' },
  { user: '$token.', secret: 'ada token', result: 'login.unknown_user' },
  { user: '$token.no-uuid', secret: 'ada token', result: 'login.unknown_user' },
];

describe.each([
  { title: 'a token in cleartext', method: 'scram-sha-256', channel: 'cleartext', rows: byTokenUser },
  {
    title: 'a name in cleartext',
    method: 'cleartext',
    channel: 'cleartext',
    rows: [...byName, ...onlyInCleartext],
  },
  { title: 'SCRAM', method: 'scram-sha-256', channel: 'scram-sha-256', rows: [...byName, ...onlyByScram] },
  {
    title: 'SCRAM without TLS',
    method: 'scram-sha-256',
    channel: 'plaintext',
    rows: [...byName, ...onlyByScram],
  },
  {
    title: 'SCRAM-PLUS',
    method: 'scram-sha-256',
    channel: 'scram-sha-256-plus',
    rows: [...byName, ...onlyByScram],
  },
] as const)('$title', ({ method, channel, rows }) => {
  test.each(rows)('$user with $secret: $result', async (row) => {
    const { verdict, user } = await attempt(row, method, channel);
    const ending = await server.ending();
    if (typeof row.result === 'string') {
      expect(ending).toMatchObject({ kind: 'refused', error: { code: row.result } });
      expect(verdict).toMatchObject({ ok: false, severity: 'FATAL', sqlState: row.sqlState ?? '28P01' });
      if (row.sqlState !== undefined) return;
      expect(verdict).toMatchObject({ message: `password authentication failed for user "${user}"` });
      return;
    }
    expect(verdict).toEqual({ ok: true });
    expect(ending).toMatchObject({
      kind: 'proved',
      principal: {
        name: row.result.uid,
        provedBy: row.result.by,
        mechanism: channel === 'plaintext' ? 'scram-sha-256' : channel,
        token: row.result.by === 'token' ? { tid: tids.get(row.secret), label: 'laptop' } : null,
      },
    });
  });
});

async function attempt(
  row: Row,
  method: LoginMethod,
  channel: 'cleartext' | 'plaintext' | 'scram-sha-256' | 'scram-sha-256-plus',
): Promise<{ verdict: Verdict; user: string }> {
  server.deps = { ...server.deps, method };
  const user = row.user.replace(/(?<=^\$?token\.).+/, (name) => tids.get(name) ?? name);
  const secret = secrets.get(row.secret) ?? row.secret;
  const client = await WireClient.connect({ port: server.port, tls: channel !== 'plaintext' });
  client.startup(user);
  if (channel === 'cleartext') {
    expect(await client.authentication()).toEqual({ request: 3, data: Buffer.alloc(0) });
    client.password(secret);
  } else if (channel === 'scram-sha-256') {
    const mechanism = {
      mechanism: 'SCRAM-SHA-256',
      gs2Header: 'n,,',
      channelBinding: Buffer.from('n,,'),
    } as const;
    await client.scram(secret, { mechanism });
  } else {
    await client.scram(secret, channel === 'plaintext' ? {} : { endPointHash: server.endPointHash });
  }
  const verdict = await client.verdict();
  client.destroy();
  return { verdict, user };
}

test('the principal carries what token and account allow', async () => {
  await attempt(
    { user: '$token', secret: 'ada token', result: is('ada', 'token') },
    'scram-sha-256',
    'cleartext',
  );
  expect(await server.ending()).toMatchObject({
    principal: { defaultDatabase: 'sales', kind: 'person', token: { role: 'reader', databases: ['sales'] } },
  });
});

test.each([
  { secret: 'ada expired', says: /^token "laptop" \(pat_\w{6}…\) expired 2 days ago: create a new one/ },
  {
    secret: 'plain token',
    says: /its owner is not permitted to use tokens; an administrator can grant "can use"$/,
  },
])('whoever has proved $secret is told what to do', async ({ secret, says }) => {
  const { verdict } = await attempt(
    { user: '$token', secret, result: 'internal' },
    'scram-sha-256',
    'cleartext',
  );
  expect(verdict?.ok === false && verdict.message).toMatch(says);
  await server.ending();
});

test('switching tokens off refuses tokens, says so, and spares passwords', async () => {
  credentials.tokensEnabled = false;
  try {
    for (const [user, channel] of [
      ['$token', 'cleartext'],
      ['ada', 'scram-sha-256'],
    ] as const) {
      const { verdict } = await attempt(
        { user, secret: 'ada token', result: 'login.tokens_off' },
        'scram-sha-256',
        channel,
      );
      expect(verdict).toMatchObject({
        sqlState: '28000',
        message: expect.stringContaining('tokens are switched off') as string,
      });
      expect(await server.ending()).toMatchObject({ error: { code: 'login.tokens_off' } });
    }
    const { verdict } = await attempt(
      { user: 'ada', secret: 'ada password', result: 'internal' },
      'scram-sha-256',
      'scram-sha-256',
    );
    expect(verdict).toEqual({ ok: true });
    await server.ending();
  } finally {
    credentials.tokensEnabled = true;
  }
});

test.each(['$token', 'token', 'ada', 'nobody'])(
  '%s without TLS is refused before a secret is asked for',
  async (user) => {
    server.deps = { ...server.deps, method: 'cleartext' };
    credentials.calls.length = 0;
    const client = await WireClient.connect({ port: server.port });
    client.startup(user);
    const [first] = await client.rest();
    expect(first?.type).toBe('E');
    expect(await server.ending()).toMatchObject({
      error: {
        code: 'login.tls_required',
        client: { sqlState: '28000', message: expect.stringContaining('sslmode=require') as string },
      },
    });
    expect(credentials.calls).toEqual([]);
  },
);

test('the audit learns whose token it was, by cleartext and by SCRAM', async () => {
  for (const [user, channel] of [
    ['$token', 'cleartext'],
    ['ada', 'scram-sha-256-plus'],
  ] as const) {
    await attempt({ user, secret: 'ada revoked', result: 'internal' }, 'scram-sha-256', channel);
    const ending = await server.ending();
    const error = ending.kind === 'refused' ? ending.error : null;
    expect(error).toBeInstanceOf(LoginRefused);
    expect(error).toMatchObject({
      subject: { account: { name: 'ada' }, token: { tid: tids.get('ada revoked') }, mechanism: channel },
    });
    // Loggers print every property of an error: no salt, no key.
    expect(JSON.stringify(error)).not.toMatch(/salt|key/i);
  }
});

test.each([
  { user: '$token', secret: 'wrong checksum', calls: [] },
  { user: '$token', secret: 'ada token', calls: ['byToken'] },
  { user: 'ada', secret: 'ada token', calls: ['byToken'] },
  { user: 'ada', secret: '', calls: [] },
  { user: 'ada', secret: 'bob password', calls: ['byName'] },
  { user: 'nobody', secret: 'bob password', calls: ['byName'] },
])('$user with $secret looks up $calls', async ({ user, secret, calls }) => {
  credentials.calls.length = 0;
  await attempt({ user, secret, result: 'internal' }, 'cleartext', 'cleartext');
  await server.ending();
  expect(credentials.calls).toEqual(calls);
});
