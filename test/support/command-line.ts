import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCommandLine } from '../../src/cli/run.ts';
import { REPOSITORY } from './child.ts';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Standard input; empty when left out. */
  readonly input?: string;
}

/** Runs the built `patgate` as a process of its own, which knows nothing of this one's environment but PATH. */
export async function spawnPatgate(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, [`${REPOSITORY}dist/cli/main.js`, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...options.environment },
  });
  // A command that fails before it reads leaves the pipe broken, which is its right.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

export interface RunHereOptions extends RunOptions {
  /** Standard input is a terminal at which this is typed, a piece at each prompt. */
  readonly typed?: readonly string[];
  /** Standard output is a terminal. */
  readonly toTerminal?: boolean;
}

/** Runs a command line in this process: much sooner done, where only what it says and does matters. */
export async function runHere(args: readonly string[], options: RunHereOptions = {}): Promise<Ran> {
  const stdout = Object.assign(new PassThrough(), { isTTY: options.toTerminal === true });
  const stderr = new PassThrough();
  const stdin =
    options.typed === undefined ? Readable.from([options.input ?? '']) : keyboard(options.typed, stderr);
  const printed = Promise.all([text(stdout), text(stderr)]);
  const terminal = { stdin, stdout, stderr, environment: { HOME: '/nonexistent', ...options.environment } };
  const code = await runCommandLine(terminal, args);
  stdout.end();
  stderr.end();
  const [out, err] = await printed;
  return { code, stdout: out, stderr: err };
}

/** Somebody who types the next piece when asked; whether echo was off is part of what `stderr` shows. */
function keyboard(pieces: readonly string[], stderr: PassThrough): Readable {
  const waiting = [...pieces];
  const stdin = new PassThrough();
  return Object.assign(stdin, {
    isTTY: true,
    setRawMode(on: boolean) {
      stderr.write(on ? '<raw>' : '</raw>');
      const next = on ? waiting.shift() : undefined;
      if (next !== undefined) stdin.write(next);
      return stdin;
    },
  });
}
