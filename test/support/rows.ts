import { randomBytes, randomUUID } from 'node:crypto';
import type { Insertable } from 'kysely';
import type { TokensTable, UsersTable } from '../../src/store/schema.ts';
import type { Store } from '../../src/store/store.ts';
import { deriveKeys } from '../../src/scram/keys.ts';
import { generateToken, shownPrefix, tokenDigest } from '../../src/tokens/format.ts';

/** Rows put straight into the store, for tests of what reads them. */
export type UserRow = Insertable<UsersTable>;
export type TokenRow = Insertable<TokensTable>;

export async function insertUser(store: Store, user: Partial<UserRow> & { name: string }): Promise<UserRow> {
  const row = {
    uid: randomUUID(),
    kind: 'person' as const,
    scram_salt: randomBytes(16),
    scram_iterations: 4096,
    created_at: new Date(),
    ...user,
  };
  await store.db.insertInto('users').values(row).execute();
  return row;
}

export interface InsertedToken {
  readonly raw: string;
  readonly tid: string;
  readonly row: TokenRow;
}

export async function insertToken(
  store: Store,
  owner: UserRow,
  token: Partial<TokenRow> = {},
): Promise<InsertedToken> {
  const raw = generateToken('pat').reveal();
  const keys = await deriveKeys(raw, { salt: owner.scram_salt, iterations: owner.scram_iterations });
  const row = {
    tid: randomUUID(),
    uid: owner.uid,
    creator_uid: owner.uid,
    creator_name: owner.name,
    label: 'test',
    prefix: shownPrefix(raw),
    digest: tokenDigest(raw),
    stored_key: keys.storedKey,
    server_key: keys.serverKey,
    created_at: new Date(),
    scopes: [],
    ...token,
  };
  await store.db.insertInto('tokens').values(row).execute();
  return { raw, tid: row.tid, row };
}

/**
 * Fills the store quickly, by SQL: users `bulk1`…, each with the same number of tokens, one made a second. Of each twelve
 * tokens, four are revoked, four of the others expired, and one of those left never expires.
 */
export async function insertManyTokens(store: Store, users: number, tokensEach: number): Promise<void> {
  // A connection of its own has no time limit on statements.
  const client = await store.connect();
  const { rows } = await client.query<{ uid: string }>(
    `insert into patgate.users (uid, name, email, kind, scram_salt, scram_iterations, created_at)
     select gen_random_uuid(), 'bulk' || n, 'bulk' || n || '@example.com', 'person', '\\x00', 4096, now()
     from generate_series(1, $1::int) n returning uid`,
    [users],
  );
  await client.query(
    `insert into patgate.tokens (tid, uid, creator_uid, creator_name, label, prefix, digest, stored_key, server_key,
       created_at, scopes, revoked_at, expires_at, last_used_at)
     select gen_random_uuid(), u.uid, u.uid, u.name, 'label ' || n, 'pat_bulk',
       sha256(convert_to(u.name || ' ' || n, 'UTF8')), '\\x00', '\\x00',
       now() - (n * $2::int + u.numeric_id) * interval '1 second', '{}',
       case when n % 3 = 0 then now() end,
       case when n % 12 = 1 then null when n % 2 = 0 then now() - interval '1 day' else now() + interval '30 days' end,
       case when n % 5 <> 0 then now() - n * interval '1 hour' end
     from patgate.users u, generate_series(1, $1::int) n where u.uid = any($3::uuid[])`,
    [tokensEach, users, rows.map((row) => row.uid)],
  );
  await client.query('analyze patgate.users, patgate.tokens');
  await client.end();
}
