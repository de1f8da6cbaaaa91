import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Ground } from '../ground.ts';
import { ROLE, ROLE_PASSWORD } from '../names.ts';
import { startProgramUntil } from '../processes.ts';
import { LoopWatch, PROBE } from './loop-watch.ts';
import type { Target } from './target.ts';

export interface PatgateOptions {
  readonly name: string;
  /** Settings besides those that every gateway here has, as environment variables. */
  readonly settings?: Readonly<Record<string, string>>;
  /** `dist/cli/main.js`. */
  readonly program: string;
  /** What runs it. */
  readonly node: string;
  /** For Node, as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

/** The whole product, from `dist/`, with its store in the PostgreSQL of the run. */
export function patgate({ name, settings = {}, program, node, nodeArgs = [] }: PatgateOptions): Target {
  return {
    name,
    missing: () => null,
    async start(ground) {
      const directory = mkdtempSync(join(ground.directory, 'patgate-'));
      const configuration = join(directory, 'patgate.toml');
      writeFileSync(configuration, toml(ground, directory));
      const env = { ...withoutSettings(process.env), PATGATE_CONFIG: configuration, ...settings };
      const token = await user(node, program, env);
      const readyFile = join(directory, 'ready.json');
      const started = await startProgramUntil(
        node,
        ['--import', PROBE, ...nodeArgs, program, 'serve', '--ready-file', readyFile],
        () => readPort(readyFile),
        { env: { ...env, BENCH_LOOP_FILE: join(directory, 'probe.json') } },
      );
      const { port, pid } = started;
      return {
        pids: [pid],
        door: (database) => ({ port, user: ROLE, password: ROLE_PASSWORD, database }),
        tokens: {
          cleartext: (database) => ({ port, user: '$token', password: token.secret, database }),
          scram: (database) => ({ port, user: `$token.${token.tid}`, password: token.secret, database }),
        },
        loop: new LoopWatch(pid, join(directory, 'probe.json')),
        stop: () => started.stop(),
      };
    },
  };
}

/** What is set where the benchmark is started is not for the gateway that it measures. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PATGATE_')));
}

function toml({ certificate, fake, postgres }: Ground, directory: string): string {
  const quote = JSON.stringify;
  mkdirSync(join(directory, 'data'));
  const url = (host: string, port: number): string =>
    quote(`postgres://${ROLE}:${ROLE_PASSWORD}@${host}:${port}/${ROLE}?sslmode=disable`);
  return `data_dir = ${quote(join(directory, 'data'))}
demo = false
[listen]
postgres = "127.0.0.1:0"
http = "off"
metrics = "off"
[tls]
mode = "prefer"
cert_file = ${quote(certificate.certFile)}
key_file = ${quote(certificate.keyFile)}
[store]
url = ${quote(postgres.storeUrl)}
[login]
max_pending_per_address = 1000
throttle_free = 1000000
[sessions]
max = 20000
[log]
level = "warn"
file = ${quote(join(directory, 'log'))}
[engines.fake]
url = ${url('127.0.0.1', fake.port)}
[engines.fake_socket]
url = ${url(encodeURIComponent(fake.socketDirectory), fake.port)}
[engines.bench]
url = ${url('127.0.0.1', postgres.port)}
[engines.bench_socket]
url = ${url(encodeURIComponent(postgres.socketDirectory), postgres.port)}
[databases]
fake = "fake"
fake_socket = "fake_socket"
bench = "bench"
bench_socket = "bench_socket/${ROLE}"
`;
}

interface IssuedToken {
  readonly secret: string;
  readonly tid: string;
}

/** The user that clients log in as, and a token. */
async function user(node: string, program: string, env: NodeJS.ProcessEnv): Promise<IssuedToken> {
  const cli = (args: readonly string[], input = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = execFile(node, [program, ...args], { env }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`patgate ${args.join(' ')}: ${stderr}`, { cause: error }));
      });
      child.stdin?.end(input);
    });
  await cli(['migrate']);
  const users = JSON.parse(await cli(['user', 'list', '-o', 'json'])) as { name: string }[];
  if (!users.some(({ name }) => name === ROLE)) {
    await cli(['user', 'add', ROLE, '--password-stdin'], ROLE_PASSWORD);
  }
  const issued = await cli(['token', 'create', '--user', ROLE, '--label', 'bench', '-o', 'json']);
  const { token, tid } = JSON.parse(issued) as { token: string; tid: string };
  return { secret: token, tid };
}

function readPort(readyFile: string): number | null {
  try {
    const ready = JSON.parse(readFileSync(readyFile, 'utf8')) as { postgres: { port: number } };
    return ready.postgres.port;
  } catch {
    // not there yet
    return null;
  }
}
