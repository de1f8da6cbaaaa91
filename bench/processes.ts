import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** A profile is written when a process ends in order. */
const STOP_TIMEOUT_MS = 30_000;

/** A process that was started for the benchmark and says where it listens. */
export interface Started {
  readonly pid: number;
  /** Its first line, where it is a module of ours. */
  readonly port: number;
  stop(): Promise<void>;
}

/** A module of the benchmark in a process of its own. */
export interface StartedModule extends Started {
  /** Sends an empty line. @returns the number that it answers with */
  ask(): Promise<number>;
}

/** Runs a compiled module of the benchmark, which prints a number, such as its port, when it is up. */
export async function startModule(url: URL, args: readonly string[] = []): Promise<StartedModule> {
  const child = spawn(process.execPath, [url.pathname, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const next = async (): Promise<number> => {
    const [line] = (await once(lines, 'line')) as [string];
    return Number(line);
  };
  const port = await Promise.race([next(), failedEarly(child)]);
  return {
    pid: pidOf(child),
    port,
    stop: () => stop(child),
    ask: () => {
      child.stdin.write('\n');
      return next();
    },
  };
}

/** Runs a program that listens on `port` once it is up. */
export async function startProgram(
  file: string,
  args: readonly string[],
  port: number,
  options: { uid?: number; gid?: number } = {},
): Promise<Started> {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
  await Promise.race([listening(port), failedEarly(child)]);
  return { pid: pidOf(child), port, stop: () => stop(child) };
}

/** Runs a program that is up once `ready` gives its port; it is asked until then. */
export async function startProgramUntil(
  file: string,
  args: readonly string[],
  ready: () => number | null,
  options: { env?: NodeJS.ProcessEnv } = {},
): Promise<Started> {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
  const early = failedEarly(child);
  // its end is no failure once it is up
  early.catch(() => undefined);
  for (;;) {
    const port = ready();
    if (port !== null) return { pid: pidOf(child), port, stop: () => stop(child) };
    await Promise.race([delay(20), early]);
  }
}

/** A port that was free a moment ago, for programs that can not choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A process and all that it has started, and so on; none where it has ended. Linux only. */
export function processTree(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return [pid, ...children.flatMap(processTree)];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** CPU time that a process has used so far, user and system, all threads, in seconds. Linux only. */
export function cpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [onCpu = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    nanoseconds += Number(onCpu);
  }
  return nanoseconds / 1e9;
}

/** How long a process's main thread has been ready to run while others had the processor, in seconds. Linux only. */
export function waitedSeconds(pid: number): number {
  const [, waited = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
  return Number(waited) / 1e9;
}

/** Resident memory of a process in kilobytes. Linux only. */
export function residentKb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
}

/** How many files and connections a process may have open. Linux only. */
export function openFileLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
}

async function listening(port: number): Promise<void> {
  while (!(await accepts(port))) await delay(20);
}

function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).then((answer) => {
    socket.destroy();
    return answer === true;
  });
}

async function failedEarly(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null];
  throw new Error(`${child.spawnfile} ended with ${code} before it was ready`);
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error(`${child.spawnfile} could not be started`);
  return child.pid;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const killed = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(killed);
}
