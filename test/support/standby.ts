import { execFile } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '../../src/core/secret.ts';
import { findLauncher } from '../../src/embedded/launch.ts';
import { writeServerFile } from '../../src/embedded/cluster.ts';
import { makeHome, runCluster, startCluster, type TestCluster } from './cluster.ts';
import { asAdmin } from './database.ts';
import { eventually } from './eventually.ts';
import { queryOne } from './query.ts';

/** Two real servers, the second of which follows the first. What the first has acknowledged is on both. */
export interface ServerPair {
  readonly primary: TestCluster;
  readonly standby: TestCluster;
  /** Makes the standby the primary. */
  promote(): Promise<void>;
  drop(): Promise<void>;
}

const REPLICATION = [
  'local all all scram-sha-256',
  'host all all 127.0.0.1/32 scram-sha-256',
  'host replication all 127.0.0.1/32 scram-sha-256',
];

/** A cold copy that follows by streaming, synchronously. */
export async function startServerPair(): Promise<ServerPair> {
  const primary = await startCluster({ settings: { synchronous_commit: 'on' }, hba: REPLICATION });
  await primary.halt('fast');
  const home = await makeHome();
  const directory = path.join(home, 'data');
  await promisify(execFile)('cp', ['-a', primary.directory, directory]);
  await primary.start();
  const launcher = await findLauncher(home);
  await writeServerFile(launcher, path.join(directory, 'standby.signal'), '');
  const source = new URL(primary.url());
  const conninfo = `host=127.0.0.1 port=${primary.port} user=${source.username} password=${primary.password} application_name=second`;
  await appendFile(path.join(directory, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
  const standby = await runCluster({
    home,
    launcher,
    directory,
    password: new Secret(primary.password),
    settings: {},
  });
  await asAdmin("alter system set synchronous_standby_names = 'second'", primary.url());
  await asAdmin('select pg_reload_conf()', primary.url());
  await eventually(async () => {
    const state = "select coalesce(max(sync_state), 'none') from pg_stat_replication";
    if ((await queryOne(primary.url(), state)) !== 'sync') throw new Error('the standby does not follow');
  });
  return {
    primary,
    standby,
    promote: () => asAdmin('select pg_promote()', standby.url()),
    async drop() {
      await Promise.all([primary.drop(), standby.drop()]);
    },
  };
}
