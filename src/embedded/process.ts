import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * Tells one process from a later one with the same number: its start time and, on Linux, the boot it belongs to.
 * @returns null when there is no such process, or only its zombie
 */
export async function processIdentity(pid: number): Promise<string | null> {
  if (!isAlive(pid)) return null;
  if (process.platform === 'linux') return linuxIdentity(pid);
  if (process.platform === 'win32') return 'alive';
  return firstLine('ps', ['-o', 'lstart=', '-p', String(pid)]);
}

/** Whether `pid` is a PostgreSQL server that was started on the data directory `directory`. */
export async function servesDirectory(pid: number, directory: string): Promise<boolean> {
  if ((await processIdentity(pid)) === null) return false;
  if (process.platform === 'win32') return true;
  const command = await commandLine(pid);
  return command !== null && command.includes('postgres') && command.includes(`\0-D\0${directory}\0`);
}

/**
 * The arguments, each with a NUL behind it. Readable for everyone, unlike the working directory, which needs a capability that
 * containers lack.
 */
async function commandLine(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') {
    const line = await firstLine('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
    // ps joins the arguments with spaces; a directory whose name holds one is recognised nevertheless.
    return line?.replace(/ (-D) (.*?) -c /, '\0$1\0$2\0-c\0') ?? null;
  }
  try {
    return await readFile(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Tells one process from a later one with the same number, for those who look again and again: a single read.
 * @returns null when there is no such process, only its zombie, or no such cheap way to tell on this system
 */
export function startOf(pid: number): string | null {
  if (process.platform !== 'linux') return null;
  try {
    return startIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

async function linuxIdentity(pid: number): Promise<string | null> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    const start = startIn(stat);
    return start === null ? null : `${boot.trim()}/${start}`;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** proc(5): the command, in parentheses, may hold anything; state is the first field after it, starttime the 20th. */
function startIn(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? '');
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

function firstLine(program: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, args, (error, stdout) => {
      const line = stdout.split('\n', 1)[0]?.trim() ?? '';
      resolve(error === null && line !== '' ? line : null);
    });
  });
}
