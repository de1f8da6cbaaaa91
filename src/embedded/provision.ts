import pg from 'pg';
import { DEMO_SQL } from './demo.ts';
import { embeddedFailed } from './failure.ts';
import type { EmbeddedSecrets, LoginRole } from './state.ts';

export const STORE_DATABASE = 'patgate_store';
export const DEMO_DATABASE = 'demo';

/** Which role owns which database; nobody else but the listed readers may connect to it. */
const DATABASES: readonly { name: string; owner: LoginRole; readers: readonly LoginRole[] }[] = [
  { name: STORE_DATABASE, owner: 'patgate_store', readers: [] },
  { name: DEMO_DATABASE, owner: 'demo', readers: ['analyst', 'clerk'] },
];

type UrlOf = (user: LoginRole, database: string) => string;

/**
 * Makes the roles, the two databases and the sample data, as far as they are missing: a start that was cut off is carried on.
 * @throws RequestError embedded.failed
 */
export async function provision(urlOf: UrlOf, secrets: EmbeddedSecrets): Promise<void> {
  try {
    await withClient(urlOf('postgres', 'postgres'), async (client) => {
      for (const role of ['patgate_store', 'demo', 'analyst', 'clerk'] as const) {
        await ensureRole(client, role, secrets);
      }
      for (const database of DATABASES) await ensureDatabase(client, database);
      await client.query('REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC');
    });
    await withClient(urlOf('demo', DEMO_DATABASE), loadDemo);
  } catch (cause) {
    throw embeddedFailed(
      `the embedded databases could not be set up: ${cause instanceof Error ? cause.message : String(cause)}`,
      '',
      { cause },
    );
  }
}

/** Opens and closes a session, to see that a server that runs already is ours. */
export function probe(url: string): Promise<void> {
  return withClient(url, async (client) => {
    await client.query('SELECT 1');
  });
}

async function ensureRole(client: pg.Client, role: LoginRole, secrets: EmbeddedSecrets): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  const password = pg.escapeLiteral(secrets[role].reveal());
  await client.query(
    `${verb} ROLE ${pg.escapeIdentifier(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${password}`,
  );
}

async function ensureDatabase(
  client: pg.Client,
  { name, owner, readers }: (typeof DATABASES)[number],
): Promise<void> {
  const database = pg.escapeIdentifier(name);
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${database} OWNER ${pg.escapeIdentifier(owner)}`);
  await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${database} FROM PUBLIC`);
  for (const reader of readers) {
    await client.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${pg.escapeIdentifier(reader)}`);
  }
}

async function loadDemo(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query(`SELECT WHERE to_regclass('public.orders') IS NOT NULL`);
  if (rowCount !== 0) return;
  await client.query('BEGIN');
  for (const statement of DEMO_SQL) await client.query(statement);
  await client.query('COMMIT');
}

async function withClient(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  // A connection that breaks while idle says so by an event; the next query fails with the same error.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
