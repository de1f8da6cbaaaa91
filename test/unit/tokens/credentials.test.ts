import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { formatVerifier, makeVerifier } from '../../../src/scram/verifier.ts';
import { BY_DIGEST, BY_NAME, BY_TID, MOST_DEAD } from '../../../src/tokens/credential-statements.ts';
import { createCredentials, type Credentials } from '../../../src/tokens/credentials.ts';
import { generateToken, tokenDigest } from '../../../src/tokens/format.ts';
import { insertManyTokens, insertToken, insertUser, type UserRow } from '../../support/rows.ts';
import { createStore, type TestStore } from '../../support/store.ts';

const NOW = Date.now();
const HOUR_MS = 3_600_000;
const ago = (ms: number) => new Date(NOW - ms);
const ahead = (ms: number) => ago(-ms);

let test: TestStore;
let credentials: Credentials;
beforeAll(async () => {
  test = await createStore('credentials');
  credentials = createCredentials({ store: test.store, clock: systemClock });
});
afterAll(() => test.drop());

describe('byName', () => {
  it('finds by name exactly, else by e-mail in any case', async () => {
    await insertUser(test.store, { name: 'Ada', email: 'Ada@Example.com' });
    await insertUser(test.store, { name: 'ada' });
    const found = async (text: string) => (await credentials.byName(text))?.account.name;
    expect(await found('Ada')).toBe('Ada');
    expect(await found('ada')).toBe('ada');
    expect(await found('ADA')).toBeUndefined();
    expect(await found('ada@EXAMPLE.com')).toBe('Ada');
    expect(await found("' or true --")).toBeUndefined();
    expect(await found('')).toBeUndefined();
  });

  it('takes no other letter for one of A to Z, so that nobody comes in by an address that only looks the same', async () => {
    await insertUser(test.store, { name: 'kit', email: 'kit@pickit.example' });
    const found = async (name: string) => (await credentials.byName(name))?.account.name;
    expect(await found('KIT@PicKit.example')).toBe('kit');
    expect(await found('kit@pic\u212Ait.example')).toBeUndefined();
    expect(await found('k\u0130t@pickit.example')).toBeUndefined();
  });

  it('prefers a name to an e-mail, and who is there to who was removed', async () => {
    await insertUser(test.store, { name: 'gone', removed_at: ago(5), engine_role: 'first' });
    expect((await credentials.byName('gone'))?.account).toMatchObject({ disabled: true });
    await insertUser(test.store, { name: 'other', email: 'gone' });
    expect((await credentials.byName('gone'))?.account).toMatchObject({ name: 'other', disabled: false });
    await insertUser(test.store, { name: 'gone', engine_role: 'second' });
    expect((await credentials.byName('gone'))?.account).toMatchObject({ engineRole: 'second' });
  });

  it('gives everything that a login needs of the account', async () => {
    const salt = randomBytes(16);
    const verifier = await makeVerifier('sesame', { salt, iterations: 4096 });
    const user = await insertUser(test.store, {
      name: 'full',
      kind: 'service',
      scram_salt: salt,
      password: formatVerifier(verifier),
      password_version: 3,
      engine_role: 'analyst',
      default_database: 'sales',
      databases: ['sales', 'a "quoted", {one}'],
      networks: ['10.0.0.0/8', '2001:db8::/32'],
      disabled_at: ago(1),
    });
    expect(await credentials.byName('full')).toEqual({
      account: {
        uid: user.uid,
        name: 'full',
        email: null,
        kind: 'service',
        disabled: true,
        privileges: new Set(['can_use']),
        mayUseTokens: true,
        engineRole: 'analyst',
        defaultDatabase: 'sales',
        databases: ['sales', 'a "quoted", {one}'],
        networks: ['10.0.0.0/8', '2001:db8::/32'],
        policyNetworks: null,
        scramSalt: salt,
        scramIterations: 4096,
        password: { kind: 'scram', storedKey: verifier.storedKey, serverKey: verifier.serverKey },
        passwordVersion: 3,
      },
      tokens: [],
      tokensEnabled: true,
    });
  });

  it('reads argon2id hashes, and says so when a password is neither', async () => {
    await insertUser(test.store, { name: 'argon', password: '$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA' });
    expect((await credentials.byName('argon'))?.account.password).toMatchObject({ kind: 'argon2id' });
    await insertUser(test.store, { name: 'odd', password: 'plain-secret' });
    const error: unknown = await credentials.byName('odd').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'internal' });
    expect(String(error)).not.toContain('plain-secret');
  });

  it('gives all live tokens however many dead ones are newer, then the newest dead', async () => {
    const user = await insertUser(test.store, { name: 'many' });
    const live = [
      await insertToken(test.store, user, { created_at: ago(9 * HOUR_MS), expires_at: ahead(HOUR_MS) }),
      await insertToken(test.store, user, { created_at: ago(8 * HOUR_MS), retires_at: ahead(HOUR_MS) }),
      await insertToken(test.store, user, { created_at: ago(10 * HOUR_MS) }),
    ];
    const dead = [];
    for (let i = 0; i < MOST_DEAD + 5; i += 1) {
      const gone = i % 2 === 0 ? { revoked_at: ago(1) } : { expires_at: ago(1) };
      dead.push(await insertToken(test.store, user, { created_at: new Date(NOW - i * 1000), ...gone }));
    }
    const found = await credentials.byName('many');
    const expected = [live[1], live[0], live[2], ...dead.slice(0, MOST_DEAD)].map((token) => token?.tid);
    expect(found?.tokens.map((token) => token.tid)).toEqual(expected);
  });

  it('gives exchanged tokens with keys of their own and the earlier end', async () => {
    const user = await insertUser(test.store, { name: 'exchanger' });
    const pat = await insertToken(test.store, user, { expires_at: ahead(10 * HOUR_MS) });
    const exchanged = generateToken('session').reveal();
    const row = {
      digest: tokenDigest(exchanged),
      kind: 'exchange' as const,
      uid: user.uid,
      tid: pat.tid,
      stored_key: Buffer.alloc(32, 1),
      server_key: Buffer.alloc(32, 2),
      created_at: new Date(),
      expires_at: ahead(HOUR_MS),
    };
    await test.store.db.insertInto('http_sessions').values(row).execute();
    const expected = {
      tid: pat.tid,
      storedKey: row.stored_key,
      serverKey: row.server_key,
      expiresAt: row.expires_at,
    };
    expect((await credentials.byName('exchanger'))?.tokens).toMatchObject([
      { storedKey: pat.row.stored_key },
      expected,
    ]);
    expect((await credentials.byToken(row.digest))?.token).toMatchObject(expected);

    await test.store.db
      .updateTable('tokens')
      .set({ revoked_at: ago(1) })
      .where('tid', '=', pat.tid)
      .execute();
    const after = await credentials.byToken(row.digest);
    expect(after?.token.revokedAt).not.toBeNull();
    await test.store.db.updateTable('http_sessions').set({ kind: 'login' }).execute();
    expect(await credentials.byToken(row.digest)).toBeNull();
  });
});

describe('byToken and byTid', () => {
  it('give the token with its owner', async () => {
    const user = await insertUser(test.store, { name: 'owner', email: 'owner@example.com' });
    const limits = {
      role: 'reader',
      databases: ['sales'],
      networks: ['10.0.0.0/8', '::1/128'],
      max_sessions: 3,
      scopes: ['tokens'],
      expires_at: ahead(HOUR_MS),
      revoked_at: ago(3),
      revoke_reason: 'lost laptop',
    };
    const token = await insertToken(test.store, user, { label: 'laptop', ...limits });
    const expected = {
      tid: token.tid,
      exchange: null,
      uid: user.uid,
      label: 'laptop',
      prefix: token.raw.slice(0, 10),
      storedKey: token.row.stored_key,
      serverKey: token.row.server_key,
      createdAt: token.row.created_at,
      expiresAt: limits.expires_at,
      retiresAt: null,
      revokedAt: limits.revoked_at,
      revokeReason: 'lost laptop',
      role: 'reader',
      roleGranted: false,
      databases: ['sales'],
      networks: ['10.0.0.0/8', '::1/128'],
      maxSessions: 3,
      scopes: ['tokens'],
    };
    for (const found of [
      await credentials.byToken(tokenDigest(token.raw)),
      await credentials.byTid(token.tid),
      await credentials.byTid(token.tid.toUpperCase()),
    ]) {
      expect(found?.token).toEqual(expected);
      expect(found?.account).toMatchObject({ uid: user.uid, name: 'owner' });
    }
  });

  it.each(['', 'x', randomUUID(), "'", '\u0000', `${randomUUID()} `, 'x'.repeat(10_000)])(
    '%# is no tid',
    async (tid) => {
      expect(await credentials.byTid(tid)).toBeNull();
    },
  );

  it('do not know other digests', async () => {
    expect(await credentials.byToken(randomBytes(32))).toBeNull();
  });
});

describe('privileges', () => {
  const inGroup = async (user: UserRow, privilege: 'can_use' | 'manage_all' | 'admin') => {
    const gid = randomUUID();
    await test.store.db.insertInto('groups').values({ gid, name: gid, created_at: new Date() }).execute();
    await test.store.db.insertInto('members').values({ gid, uid: user.uid }).execute();
    await test.store.db
      .insertInto('grants')
      .values({ privilege, grantee: gid, grantee_kind: 'group', created_at: new Date() })
      .execute();
  };

  it('come from policy, from oneself and from groups, and include the weaker ones', async () => {
    const [plain, member, boss] = [
      await insertUser(test.store, { name: 'plain' }),
      await insertUser(test.store, { name: 'member' }),
      await insertUser(test.store, { name: 'boss' }),
    ];
    await inGroup(member, 'can_use');
    await inGroup(member, 'manage_all');
    await test.store.db
      .insertInto('grants')
      .values({ privilege: 'admin', grantee: boss.uid, grantee_kind: 'user', created_at: new Date() })
      .execute();
    const held = async () => {
      const found = [];
      for (const { name } of [plain, member, boss]) {
        const account = (await credentials.byName(name))?.account;
        expect(account?.mayUseTokens).toBe(account?.privileges.has('can_use'));
        found.push([...(account?.privileges ?? [])].join(' '));
      }
      return found;
    };
    expect(await held()).toEqual(['can_use', 'can_use manage_all', 'can_use manage_all admin']);
    await test.store.db
      .updateTable('policy')
      .set({ create_and_use: 'granted', tokens_enabled: false })
      .execute();
    expect(await held()).toEqual(['', 'can_use manage_all', 'can_use manage_all admin']);
    expect((await credentials.byName('plain'))?.tokensEnabled).toBe(false);
    await test.store.db
      .updateTable('policy')
      .set({ create_and_use: 'everyone', tokens_enabled: true })
      .execute();
  });
});

describe('questions at the same time', () => {
  it('get each their own answer, the same for the same', async () => {
    const names = Array.from({ length: 150 }, (_, index) => `crowd${index}`);
    for (const name of names) await insertUser(test.store, { name });
    const asked = [...names, 'nobody', ...names.toReversed(), "quo'te", 'back\\slash', '{"a",b}'];
    const found = await Promise.all(asked.map((name) => credentials.byName(name)));
    expect(found.map((one) => one?.account.name)).toEqual(
      asked.map((name) => (names.includes(name) ? name : undefined)),
    );
  });

  it('find tokens by digest and by tid, each its own', async () => {
    const tina = await insertToken(test.store, await insertUser(test.store, { name: 'tina' }));
    const tom = await insertToken(test.store, await insertUser(test.store, { name: 'tom' }));
    const digests = [tina.raw, `${tina.raw}x`, tom.raw].map((raw) => tokenDigest(raw));
    const byToken = await Promise.all(digests.map((digest) => credentials.byToken(digest)));
    expect(byToken.map((found) => found?.account.name)).toEqual(['tina', undefined, 'tom']);
    const tids = [tom.tid, randomUUID(), tina.tid, 'no uuid'];
    const byTid = await Promise.all(tids.map((tid) => credentials.byTid(tid)));
    expect(byTid.map((found) => found?.account.name)).toEqual(['tom', undefined, 'tina', undefined]);
  });

  it('do not fail for one that the store cannot make sense of', async () => {
    await insertUser(test.store, { name: 'sensible' });
    const [bad, good] = await Promise.allSettled([
      credentials.byName('non\0sense'),
      credentials.byName('sensible'),
    ]);
    expect(bad.status).toBe('rejected');
    expect(good).toMatchObject({ status: 'fulfilled', value: { account: { name: 'sensible' } } });
  });
});

describe('storeSecret', () => {
  it('is the same for all processes, and asked for again after a failure', async () => {
    const other = createCredentials({ store: test.another(), clock: systemClock });
    const secret = await credentials.storeSecret();
    expect(secret).toHaveLength(32);
    expect(await other.storeSecret()).toEqual(secret);
  });
});

describe('at 20,000 tokens', () => {
  it.each([
    ['by name', BY_NAME, [['bulk77', 'bulk78'], new Date()]],
    ['by digest', BY_DIGEST, [[randomBytes(32), randomBytes(32)]]],
    ['by tid', BY_TID, [[randomUUID(), randomUUID()]]],
  ] as const)('%s: found by indexes alone', async (_name, statement, values) => {
    if (await isSmall()) await insertManyTokens(test.store, 1000, 20);
    const client = await test.store.connect();
    const plan = await client.query<string[]>({
      text: `explain ${statement.text}`,
      values: [...values],
      rowMode: 'array',
    });
    await client.end();
    expect(plan.rows.flat().join('\n')).not.toMatch(/Seq Scan on (?:tokens|users|http_sessions)/);
  });
});

async function isSmall(): Promise<boolean> {
  const { count } = await test.store.db
    .selectFrom('tokens')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count < 1000;
}
