import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { embeddedFailed, logTail } from './failure.ts';
import { invocation, type Launcher } from './launch.ts';
import { installedNative, programPath } from './native.ts';
import { servesDirectory } from './process.ts';

const POLL_MS = 10;
const START_ATTEMPTS = 8;

/** What a running server wrote into its postmaster.pid (src/include/utils/pidfile.h). */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** null on platforms without Unix sockets */
  readonly socketDirectory: string | null;
  readonly ready: boolean;
}

export interface StartOptions {
  readonly launcher: Launcher;
  /** The initialised data directory. */
  readonly directory: string;
  /** Used by this server alone; null: no Unix socket. */
  readonly socketDirectory: string | null;
  /** Port on 127.0.0.1, tried first; 0 or one that is taken means any free one. */
  readonly port: number;
  /** Settings as in postgresql.conf; they come before those of the file. */
  readonly settings: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly timeoutMs: number;
}

/** @returns what serves the data directory now, or null; removes the pid file that a killed server left */
export async function findPostmaster(directory: string): Promise<Postmaster | null> {
  const written = await readPidFile(directory);
  if (written === null) return null;
  if (await servesDirectory(written.pid, directory)) return written;
  // PostgreSQL itself would refuse to start when the number now belongs to some other process, as it does in containers.
  await rm(path.join(directory, 'postmaster.pid'), { force: true });
  return null;
}

/**
 * Starts the server and waits until it takes connections. It outlives this process.
 * @throws RequestError embedded.failed with the end of the log
 */
export async function startPostmaster(options: StartOptions): Promise<Postmaster> {
  const deadline = performance.now() + options.timeoutMs;
  await removeSockets(options.socketDirectory);
  let port = options.port;
  for (let attempt = 1; ; attempt++) {
    if (port === 0) port = await freePort();
    const logStart = await sizeOf(options.logFile);
    const running = await startOnce(options, port, deadline);
    if (running !== null) return running;
    const output = await logTail(options.logFile, logStart);
    const portTaken = output.includes('could not create any TCP/IP sockets');
    // The backends of a killed server hold its shared memory until they notice that it is gone.
    const stillInUse = output.includes('pre-existing shared memory block');
    if (attempt === START_ATTEMPTS || !(portTaken || stillInUse)) {
      throw embeddedFailed(`PostgreSQL did not start in ${options.directory}`, output);
    }
    if (portTaken) port = 0;
    else await delay(250);
  }
}

/** Like findPostmaster, but waits while the server is starting up or shutting down. */
export async function findSettledPostmaster(
  directory: string,
  timeoutMs: number,
): Promise<Postmaster | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const running = await findPostmaster(directory);
    if (running === null || running.ready) return running;
    if (performance.now() > deadline) {
      throw embeddedFailed(`PostgreSQL (process ${running.pid}) in ${directory} is neither ready nor gone`);
    }
    await delay(POLL_MS);
  }
}

/** Stops a server, also one that is not a child of ours. */
export async function stopPostmaster(directory: string, how: 'fast' | 'immediate'): Promise<void> {
  const running = await findPostmaster(directory);
  if (running === null) return;
  await askToStop(directory, running.pid, how);
  if (await goneWithin(running.pid, directory, 15_000)) return;
  await askToStop(directory, running.pid, 'immediate');
  if (await goneWithin(running.pid, directory, 5_000)) return;
  throw embeddedFailed(`PostgreSQL (process ${running.pid}) in ${directory} does not stop`);
}

/** A port of 127.0.0.1 that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}

/** @returns null when the server gave up by itself; the log says why */
async function startOnce(options: StartOptions, port: number, deadline: number): Promise<Postmaster | null> {
  const child = await spawnServer(options, port);
  while (performance.now() < deadline) {
    const written = await readPidFile(options.directory);
    if (written !== null && written.pid === child.pid && written.ready) return written;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    await delay(POLL_MS);
  }
  child.kill('SIGQUIT');
  throw embeddedFailed(
    `PostgreSQL in ${options.directory} was not ready after ${options.timeoutMs} ms`,
    await logTail(options.logFile),
  );
}

async function spawnServer(options: StartOptions, port: number): Promise<ChildProcess> {
  const { launcher, directory, socketDirectory } = options;
  const settings = {
    ...options.settings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: socketDirectory ?? '',
    unix_socket_permissions: '0700',
  };
  const args = [
    '-D',
    directory,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const start = invocation(launcher.mode, programPath(launcher.native, 'postgres'), args);
  const log = await open(options.logFile, 'a', 0o600);
  try {
    const child = spawn(start.file, [...start.args], {
      ...start.options,
      cwd: '/',
      // Its own session: a Ctrl-C in the terminal is for the gateway, which lets sessions finish first.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: serverEnvironment(),
    });
    // A program that cannot be started has no process id; that is where it is noticed.
    child.on('error', () => undefined);
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

/** Without PG* variables, which would change the server's settings or paths. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'SystemRoot', 'TEMP', 'TMP'];
  const environment: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC' };
  for (const name of kept) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/** A killed server leaves its socket with a lock file that can stop the next one, see findPostmaster. */
async function removeSockets(directory: string | null): Promise<void> {
  if (directory === null) return;
  for (const name of await readdir(directory)) {
    if (name.startsWith('.s.PGSQL.')) await rm(path.join(directory, name), { force: true });
  }
}

async function readPidFile(directory: string): Promise<Postmaster | null> {
  let text: string;
  try {
    text = await readFile(path.join(directory, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return null;
  const socketDirectory = lines[4] ?? '';
  return {
    pid,
    port: Number(lines[3] ?? 0),
    socketDirectory: socketDirectory === '' ? null : socketDirectory,
    ready: lines[7] === 'ready',
  };
}

async function askToStop(directory: string, pid: number, how: 'fast' | 'immediate'): Promise<void> {
  if (process.platform === 'win32') {
    // Signals do not exist there; pg_ctl talks to the server through a named pipe.
    const args = ['stop', '-D', directory, '-m', how, '-W'];
    const control = programPath(await installedNative(), 'pg_ctl');
    await new Promise((resolve) => execFile(control, args, resolve));
    return;
  }
  try {
    process.kill(pid, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function goneWithin(pid: number, directory: string, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (!(await servesDirectory(pid, directory))) return true;
    await delay(POLL_MS);
  }
  return false;
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
