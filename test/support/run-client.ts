import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Digest } from './copy.ts';

export interface ClientRun {
  /** Null after a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Beside PATH and a HOME that does not exist; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs a program that people use with PostgreSQL, in English. */
export async function runClient(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ClientRun> {
  const child = start(program, args, options);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  return { ...(await ended(child)), stdout };
}

/** The same for output too long to keep. @throws when the program fails */
export async function digestOutput(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Digest> {
  const child = start(program, args, options);
  const hash = createHash('sha256');
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  const { code, stderr } = await ended(child);
  if (code !== 0) throw new Error(`${program} ended with ${String(code)}: ${stderr}`);
  return { bytes, sha256: hash.digest('hex') };
}

function start(program: string, args: readonly string[], { env, input }: RunOptions) {
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', LC_ALL: 'C.UTF-8', ...env },
    stdio: 'pipe',
  });
  // A program that ends before it has read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return child;
}

async function ended(child: ReturnType<typeof start>): Promise<{ code: number | null; stderr: string }> {
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, stderr };
}
