import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  readonly name: string;
  /** As the superuser, by TCP. */
  readonly url: string;
  /** The same, by Unix socket. */
  readonly socketUrl: string;
  /** Ends every session on it and deletes it. */
  drop(): Promise<void>;
}

export interface TestRole {
  readonly name: string;
  readonly password: string;
}

/**
 * A database of its own on the shared cluster, for one test file: `beforeAll(async () => { db = await createDatabase('x') })`,
 * `afterAll(() => db.drop())`.
 * @param prefix lower-case letters, for the log
 */
export async function createDatabase(prefix: string): Promise<TestDatabase> {
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  await asAdmin(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  const { adminUrl, socketDirectory, port } = inject('cluster');
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const { username, password } = url;
  const host = socketDirectory === null ? '127.0.0.1' : encodeURIComponent(socketDirectory);
  return {
    name,
    url: url.href,
    socketUrl: `postgres://${username}:${password}@${host}:${port}/${name}`,
    drop: () => asAdmin(`DROP DATABASE ${pg.escapeIdentifier(name)} WITH (FORCE)`),
  };
}

/**
 * A login role of the shared cluster with a random name and password; drop it with `dropRole` after the databases in which it
 * owns something.
 * @param attributes as in CREATE ROLE, e.g. `CREATEDB`
 */
export async function createRole(prefix: string, attributes = ''): Promise<TestRole> {
  const role = {
    name: `${prefix}_${randomBytes(6).toString('hex')}`,
    password: randomBytes(12).toString('base64url'),
  };
  await asAdmin(
    `CREATE ROLE ${pg.escapeIdentifier(role.name)} LOGIN PASSWORD ${pg.escapeLiteral(role.password)} ${attributes}`,
  );
  return role;
}

export function dropRole(role: TestRole): Promise<void> {
  return asAdmin(`DROP ROLE ${pg.escapeIdentifier(role.name)}`);
}

/** The URL with other credentials. */
export function urlAs(url: string, role: TestRole): string {
  const other = new URL(url);
  other.username = role.name;
  other.password = role.password;
  return other.href;
}

/** Runs one statement as the superuser, in the database `postgres` unless another URL is given. */
export async function asAdmin(sql: string, url: string = inject('cluster').adminUrl): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
