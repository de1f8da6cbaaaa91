import type { GatewayProcess } from './gateway-process.ts';
import type { LoginAnswer, LogIn } from './login-suite.ts';
import { runClient, type ClientRun, type RunOptions } from './run-client.ts';

/** `host=… port=… dbname=…` and so on, without user and password. */
export function conninfo({ port, caFile, engine }: GatewayProcess, more: string | boolean = true): string {
  const tls = `sslmode=verify-full sslrootcert=${caFile}`;
  const rest = typeof more === 'string' ? more : more ? tls : 'sslmode=disable';
  return `host=localhost port=${port} dbname=${engine.name} ${rest}`;
}

/** Bare rows, no start-up file, no question for a password. */
export function psqlArgs(target: string, ...args: readonly string[]): readonly string[] {
  return ['-XAtqw', '-v', 'VERBOSITY=verbose', '-d', target, ...args];
}

/** Runs commands of psql's own language. */
export function runPsql(
  psql: string,
  target: string,
  script: string,
  env: RunOptions['env'] = {},
): Promise<ClientRun> {
  return runClient(psql, psqlArgs(target), { env, input: script });
}

export function psqlLogin(psql: string): LogIn {
  return async ({ gateway, user, secret, tls }): Promise<LoginAnswer> => {
    const env = { PGUSER: user, PGPASSWORD: secret };
    const run = await runClient(psql, psqlArgs(conninfo(gateway, tls), '-c', 'SELECT current_user'), { env });
    if (run.code === 0) return { role: run.stdout.trim() };
    const message = /^psql: error: connection to server at .* failed: FATAL: {2}(.*)\n$/.exec(
      run.stderr,
    )?.[1];
    if (message === undefined) throw new Error(`psql says: ${run.stderr}`);
    return { code: null, message };
  };
}
