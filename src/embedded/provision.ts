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
 * Makes the roles, the two databases and the sample data in a new cluster.
 * @throws RequestError embedded.failed
 */
export async function provision(urlOf: UrlOf, secrets: EmbeddedSecrets): Promise<void> {
  try {
    await withClient(urlOf('postgres', 'postgres'), async (client) => {
      for (const role of ['patgate_store', 'demo', 'analyst', 'clerk'] as const) {
        await createRole(client, role, secrets);
      }
      for (const database of DATABASES) await createDatabase(client, database);
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

async function createRole(client: pg.Client, role: LoginRole, secrets: EmbeddedSecrets): Promise<void> {
  const password = pg.escapeLiteral(secrets[role].reveal());
  await client.query(`CREATE ROLE ${pg.escapeIdentifier(role)} LOGIN PASSWORD ${password}`);
}

async function createDatabase(
  client: pg.Client,
  { name, owner, readers }: (typeof DATABASES)[number],
): Promise<void> {
  const database = pg.escapeIdentifier(name);
  await client.query(`CREATE DATABASE ${database} OWNER ${pg.escapeIdentifier(owner)}`);
  await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${database} FROM PUBLIC`);
  for (const reader of readers) {
    await client.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${pg.escapeIdentifier(reader)}`);
  }
}

async function loadDemo(client: pg.Client): Promise<void> {
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
