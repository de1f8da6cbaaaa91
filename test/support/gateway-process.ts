import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ReadyInfo } from '../../src/main/ready-file.ts';
import { REPOSITORY } from './child.ts';
import {
  describeGateway,
  parseLines,
  prepareGround,
  type GatewayGround,
  type GatewaySettings,
  type TestGateway,
} from './gateway.ts';

const START_TIMEOUT_MS = 60_000;

export interface GatewayProcess extends TestGateway {
  readonly pid: number;
  /** Ends it with the signal; nothing is deleted. @returns the exit code, null after a signal that kills */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Runs `patgate …` with the same configuration. */
  cli(args: readonly string[], input?: string): Promise<CommandResult>;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A gateway from dist/, in a process of its own; several can stand on one ground.
 * @param wrap a program, with arguments, that runs it under other circumstances, and becomes it: `prlimit --nofile=256`
 * @param meanwhile something that happens during the start
 */
export async function startGatewayProcess(
  settings: GatewaySettings = {},
  ground?: GatewayGround,
  wrap: readonly string[] = [],
  meanwhile: (child: ChildProcess) => Promise<void> = nothing,
): Promise<GatewayProcess> {
  const own = ground ?? (await prepareGround(settings));
  const readyFile = path.join(own.dataDir, `ready-${performance.now()}.json`);
  const child = patgate(['serve', '--ready-file', readyFile], own.environment, wrap);
  const output = collect(child);
  child.stdin?.end();
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  try {
    await meanwhile(child);
    const info = await readiness(child, readyFile, output);
    const described = describeGateway(ground === undefined ? own : { ...own, drop: nothing }, info, {
      logged: () => parseLines(output.stderr),
      reload: () => Promise.resolve(child.kill('SIGHUP')),
      stop: () => end('SIGTERM'),
    });
    return {
      ...described,
      pid: info.pid,
      end,
      cli: (args, input) => runPatgate(args, own.environment, input),
    };
  } catch (error) {
    await end('SIGKILL');
    if (ground === undefined) await own.drop();
    throw error;
  }
}

/** Runs `patgate` once. @param environment PATGATE_… variables and HOME; nothing else is inherited but PATH */
export async function runPatgate(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  input = '',
): Promise<CommandResult> {
  const child = patgate(args, environment);
  const output = collect(child);
  child.stdin?.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

function patgate(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  wrap: readonly string[] = [],
): ChildProcess {
  const main = path.join(REPOSITORY, 'dist/cli/main.js');
  if (!existsSync(main)) throw new Error('dist/ is missing: run "npm run build" first');
  const [program = '', ...rest] = [...wrap, process.execPath, main, ...args];
  return spawn(program, rest, {
    stdio: 'pipe',
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...environment },
  });
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  // A command that ends before it has read its input.
  child.stdin?.on('error', () => undefined);
  return output;
}

async function readiness(
  child: ChildProcess,
  readyFile: string,
  output: { stdout: string; stderr: string },
): Promise<ReadyInfo> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      throw new Error(`the gateway is not ready:\n${output.stdout}${output.stderr}`);
    }
    await delay(20);
  }
  return JSON.parse(readFileSync(readyFile, 'utf8')) as ReadyInfo;
}

function nothing(): Promise<void> {
  return Promise.resolve();
}
