import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { systemActor } from '../../src/accounts/actor.ts';
import { variableOf } from '../../src/config/names.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLog } from '../../src/core/log.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ReadyInfo } from '../../src/main/ready-file.ts';
import { openServices, type Services } from '../../src/main/services.ts';
import { openStore } from '../../src/store/store.ts';
import { startCluster, type TestCluster } from '../../test/support/cluster.ts';
import { startTcpRelay, type TcpRelay } from '../../test/support/tcp-relay.ts';
import { Right } from './right.ts';
import type { Tally } from './tally.ts';

export interface User {
  readonly uid: string;
  readonly name: string;
  readonly password: string;
  readonly right: Right;
}

/** A gateway from dist/ between two networks that can break, with a store and an engine that can crash. */
export interface SoakGround {
  readonly store: TestCluster;
  readonly engine: TestCluster;
  readonly storeNetwork: TcpRelay;
  readonly engineNetwork: TcpRelay;
  readonly info: ReadyInfo;
  readonly pid: number;
  /** On the store itself, past the network that breaks: as another replica's. */
  readonly services: Services;
  readonly users: readonly User[];
  /** As whom those come who go away in the middle of a login. */
  readonly passer: User;
  readonly logFile: string;
  /** Where the gateway tells what it holds. */
  readonly probe: string;
  /** What the gateway wrote to standard error, where nothing belongs that can be in its log. */
  readonly strayOutput: () => string;
  /** Whether the gateway is gone although nobody ended it. */
  readonly isGone: () => boolean;
  hangUp(): void;
  /** First value of the first row. */
  ask(cluster: TestCluster, sql: string): Promise<number>;
  /** SIGTERM. @returns the exit code; null: by a signal, which is the soak's own where the gateway does not end */
  end(): Promise<number | null>;
  drop(): Promise<void>;
}

export const OPERATOR = systemActor('soak');
/** Files of a cluster survive its crash; only a machine's would take what is not on the disk. */
const SAFE_ENOUGH = { synchronous_commit: 'on' };

const END_MS = 60_000;

export async function prepareSoak(program: string, userCount: number, tally: Tally): Promise<SoakGround> {
  const [store, engine, directory] = await Promise.all([
    startCluster({ settings: SAFE_ENOUGH }),
    startCluster({ settings: SAFE_ENOUGH }),
    mkdtemp(join(tmpdir(), 'patgate-soak-')),
  ]);
  const [storeNetwork, engineNetwork] = await Promise.all([startTcpRelay(store), startTcpRelay(engine)]);
  const own = openStore({ url: store.url(), log: createLog('silent'), poolSize: 4, queryTimeoutMs: 5000 });
  await own.migrate();
  const services = openServices({
    store: own,
    method: 'scram-sha-256',
    tokenUsers: ['$token', 'token'],
    clock: systemClock,
    log: createLog('silent'),
  });
  await services.policy.set(OPERATOR, { maxLiveTokensPerUser: 128 });
  const [change] = await services.policy.history(OPERATOR, { limit: 1 });
  tally.changed('policy.set', String(change?.version));
  const users: User[] = [];
  for (let n = 0; n < userCount; n++) users.push(await addUser(services, `user${n}`, tally));
  const passer = await addUser(services, 'passer', tally);
  const logFile = join(directory, 'log');
  const settings = {
    data_dir: directory,
    'listen.postgres': '127.0.0.1:0',
    'listen.http': '127.0.0.1:0',
    'listen.metrics': '127.0.0.1:0',
    'tls.mode': 'prefer',
    'store.url': storeNetwork.through(store.url()),
    'store.query_timeout': '2s',
    'store.connect_timeout': '2s',
    'engine.url': `${engineNetwork.through(engine.url())}?sslmode=disable&connect_timeout=3`,
    'login.max_pending_per_address': '5000',
    'login.throttle_free': '1000000',
    'pool.idle_timeout': '2s',
    'log.level': 'warn',
    'log.file': logFile,
  };
  const probe = join(directory, 'probe');
  const { child, info } = await startGateway(program, settings, { directory, probe });
  let stray = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stray += text;
    process.stderr.write(text);
  });
  return {
    store,
    engine,
    storeNetwork,
    engineNetwork,
    info,
    pid: info.pid,
    services,
    users,
    passer,
    logFile,
    probe,
    strayOutput: () => stray,
    isGone: () => child.exitCode !== null || child.signalCode !== null,
    hangUp: () => void child.kill('SIGHUP'),
    ask: (cluster, sql) => ask(cluster.url(), sql),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, 'close');
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), END_MS);
      const [code] = (await exited) as [number | null];
      clearTimeout(impatience);
      return code;
    },
    async drop() {
      child.kill('SIGKILL');
      await services.close();
      await own.close();
      await Promise.all([storeNetwork.close(), engineNetwork.close()]);
      await Promise.all([store.drop(), engine.drop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function addUser(services: Services, name: string, tally: Tally): Promise<User> {
  const password = randomBytes(12).toString('base64url');
  const { uid } = await services.accounts.addUser(OPERATOR, {
    name,
    password: new Secret(password),
    defaultDatabase: 'postgres',
  });
  tally.changed('user.add', uid);
  return { uid, name, password, right: new Right() };
}

async function startGateway(
  program: string,
  settings: Readonly<Record<string, string>>,
  { directory, probe }: { readonly directory: string; readonly probe: string },
): Promise<{ child: ChildProcess; info: ReadyInfo }> {
  const readyFile = join(directory, 'ready.json');
  const variables = Object.entries(settings).map(([name, value]) => [variableOf(name), value]);
  // The probe asks node for something that is not settled yet.
  const quiet = '--disable-warning=ExperimentalWarning';
  const options = [quiet, '--expose-gc', '--import', new URL('./probe.js', import.meta.url).href];
  const child = spawn(process.execPath, [...options, program, 'serve', '--ready-file', readyFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      SOAK_PROBE: probe,
      ...(process.env['SOAK_SNAPSHOTS'] !== undefined && { SOAK_SNAPSHOTS: process.env['SOAK_SNAPSHOTS'] }),
      ...(Object.fromEntries(variables) as Record<string, string>),
    },
  });
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null) throw new Error('the gateway did not start');
    await delay(50);
  }
  return { child, info: JSON.parse(readFileSync(readyFile, 'utf8')) as ReadyInfo };
}

async function ask(url: string, sql: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Number(Object.values(rows[0] ?? {})[0]);
  } finally {
    await client.end();
  }
}
