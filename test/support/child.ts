import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

export interface ChildOptions {
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** A program, with arguments, that runs it somewhere else, and becomes it. */
  readonly wrap?: readonly string[];
}

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** The next line of standard output. @throws with its standard error, when it ends instead */
  line(): Promise<string>;
  /** Closes its standard input, which our scripts take as the wish to end, and waits. @returns the exit code */
  end(): Promise<number | null>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

/**
 * Runs a TypeScript file of this repository in a process of its own.
 * @param script relative to the repository
 */
export function runScript(script: string, args: readonly string[], options: ChildOptions = {}): Child {
  const loader = ['--import', `${REPOSITORY}test/support/register-ts.mjs`];
  const command = [...(options.wrap ?? []), process.execPath, ...loader, `${REPOSITORY}${script}`, ...args];
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return {
    process: child,
    pid: child.pid ?? 0,
    async line() {
      const next = await lines.next();
      if (next.done !== true) return next.value;
      throw new Error(`${script} ended with ${String(await exited)}:\n${errors}`);
    },
    end() {
      child.stdin.end();
      return exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Process ids, on Linux. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

/** Process ids of a gateway's workers, on Linux, by the title that they give themselves. */
export function workersOf(pid: number): number[] {
  return childrenOf(pid).filter((child) => titleOf(child).startsWith('patgate worker'));
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // gone meanwhile
  }
}
