import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

import { Secret } from '../../src/core/secret.ts';
import { initCluster, makeServerDirectory, SCRAM_FOR_ALL, SUPERUSER } from '../../src/embedded/cluster.ts';
import { findLauncher } from '../../src/embedded/launch.ts';
import { startPostmaster, stopPostmaster } from '../../src/embedded/postmaster.ts';
import { socketUrl } from '../../src/embedded/urls.ts';
import { ROLE, ROLE_PASSWORD } from '../names.ts';

export interface Postgres {
  readonly port: number;
  readonly socketDirectory: string;
  /** The gateway's store. */
  readonly storeUrl: string;
  /** The SCRAM secret of the role that sessions run as, from pg_authid. */
  readonly roleSecret: string;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const STORE = 'store';

/** What a machine that is no benchmark would have, but for the disk: nothing waits for it. */
const SETTINGS = {
  max_connections: '500',
  shared_buffers: '128MB',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
};

const FILL = [
  `CREATE TABLE accounts (aid integer PRIMARY KEY, abalance integer NOT NULL, filler text NOT NULL)`,
  `INSERT INTO accounts SELECT id, id % 1000, repeat('x', 60) FROM generate_series(1, 100000) AS id`,
  // 8 kB a row, and the customary hundred bytes
  `CREATE UNLOGGED TABLE wide AS SELECT repeat('x', 8000) AS filler FROM generate_series(1, 6000)`,
  `ALTER TABLE wide ALTER filler SET STORAGE EXTERNAL`,
  `CREATE UNLOGGED TABLE narrow AS SELECT repeat('x', 95) AS filler FROM generate_series(1, 500000)`,
  `CREATE UNLOGGED TABLE target (filler text STORAGE EXTERNAL)`,
  'ANALYZE',
  'CHECKPOINT',
];

/** The PostgreSQL that comes with the package, empty but for the tables that the scenarios use. */
export async function startPostgres(home: string): Promise<Postgres> {
  await mkdir(home);
  const launcher = await findLauncher(home);
  const directory = join(home, 'data');
  const password = new Secret(randomBytes(18).toString('hex'));
  await initCluster({ launcher, home, directory, password, hba: SCRAM_FOR_ALL });
  const socketDirectory = join(home, 's');
  await makeServerDirectory(launcher, socketDirectory);
  const server = await startPostmaster({
    launcher,
    directory,
    socketDirectory,
    port: 0,
    settings: SETTINGS,
    logFile: join(home, 'log'),
    timeoutMs: START_TIMEOUT_MS,
  });
  const stop = (): Promise<void> => stopPostmaster(directory, 'immediate');
  const urlOf = (database: string): string => socketUrl(server, { user: SUPERUSER, password, database });
  try {
    const roleSecret = await fill(urlOf);
    return { port: server.port, socketDirectory, storeUrl: urlOf(STORE), roleSecret, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function fill(urlOf: (database: string) => string): Promise<string> {
  const found = await withClient(urlOf('postgres'), async (client) => {
    await client.query(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${ROLE_PASSWORD}'`);
    await client.query(`CREATE DATABASE ${ROLE} OWNER ${ROLE}`);
    await client.query(`CREATE DATABASE ${STORE}`);
    return client.query<{ secret: string }>(
      `SELECT rolpassword AS secret FROM pg_authid WHERE rolname = '${ROLE}'`,
    );
  });
  await withClient(urlOf(ROLE), async (client) => {
    await client.query(`GRANT pg_checkpoint TO ${ROLE}`);
    await client.query(`SET ROLE ${ROLE}`);
    for (const statement of FILL) await client.query(statement);
  });
  return found.rows[0]?.secret ?? '';
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
