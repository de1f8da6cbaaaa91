import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Secret } from '../core/secret.ts';
import { embeddedFailed } from './failure.ts';
import { giveToServer, invocation, type Launcher } from './launch.ts';
import { programPath } from './native.ts';
import { serverEnvironment } from './postmaster.ts';

/** Role that owns the cluster; its password is the one that initCluster was given. */
export const SUPERUSER = 'postgres';

/** pg_hba.conf: a password from everyone, also on the Unix socket. */
export const SCRAM_FOR_ALL: readonly string[] = [
  ...(process.platform === 'win32' ? [] : ['local all all scram-sha-256']),
  'host all all 127.0.0.1/32 scram-sha-256',
  'host all all ::1/128 scram-sha-256',
];

export interface InitOptions {
  readonly launcher: Launcher;
  /** Parent of the data directory; writable for the server's account. */
  readonly home: string;
  /** New or empty, below `home`. */
  readonly directory: string;
  readonly password: Secret;
  readonly hba: readonly string[];
}

/**
 * Makes a database cluster: UTF-8, the built-in C.UTF-8 locale (the same order on every machine), a password for its owner.
 * It is not yet safe from a power cut: see syncCluster.
 * @throws RequestError embedded.failed with what initdb said
 */
export async function initCluster(options: InitOptions): Promise<void> {
  const { launcher, directory, home } = options;
  const passwordFile = path.join(home, '.initdb-password');
  await writeFile(passwordFile, options.password.reveal(), { mode: 0o600 });
  try {
    await giveToServer(launcher.mode, passwordFile, 0o600);
    await initdb(launcher, [
      `--pgdata=${directory}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      '--no-sync',
    ]);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await writeServerFile(launcher, path.join(directory, 'pg_hba.conf'), `${options.hba.join('\n')}\n`);
}

/** Waits until every file of a stopped cluster is on disk. */
export function syncCluster(launcher: Launcher, directory: string): Promise<void> {
  return initdb(launcher, [`--pgdata=${directory}`, '--sync-only']);
}

/** Writes a file that the server reads: a private key, pg_hba.conf, pg_ident.conf. */
export async function writeServerFile(launcher: Launcher, file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600 });
  await giveToServer(launcher.mode, file, 0o600);
}

/** Makes a directory that the server may write to, closed to everyone else. */
export async function makeServerDirectory(launcher: Launcher, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await giveToServer(launcher.mode, directory, 0o700);
}

function initdb(launcher: Launcher, args: readonly string[]): Promise<void> {
  const start = invocation(launcher.mode, programPath(launcher.native, 'initdb'), args);
  return new Promise((resolve, reject) => {
    const options = { ...start.options, cwd: '/', env: serverEnvironment() };
    execFile(start.file, [...start.args], options, (error, stdout, stderr) => {
      if (error === null) resolve();
      else reject(embeddedFailed('initdb failed', `${stdout}\n${stderr}`, { cause: error }));
    });
  });
}
