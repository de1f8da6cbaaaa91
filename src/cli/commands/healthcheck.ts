import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import { unreadable } from '../../config/value-types.ts';
import { durationArgument } from '../arguments.ts';
import { configOf } from '../config-flags.ts';
import { NegativeAnswer } from '../failure.ts';
import { addLeaf } from '../leaf.ts';
import { askPort, askReadyz, localUrl } from '../readiness.ts';
import { say, type Terminal } from '../terminal.ts';

interface HealthOptions {
  readonly readyFile?: string;
  readonly timeout: number;
}

export function addHealthcheck(program: Command, terminal: Terminal): void {
  const command = addLeaf(program, {
    name: 'healthcheck',
    description:
      'Asks the gateway on this machine whether it is ready: the exit code is 0 when it is. For containers and supervisors.',
    examples: [
      'patgate healthcheck',
      'patgate healthcheck --ready-file /run/patgate/ready.json --timeout 2s',
    ],
  });
  command
    .option('--ready-file <file>', 'what `patgate serve --ready-file` wrote: names the address')
    .option('--timeout <duration>', 'how long to wait for the answer', durationArgument, 5000)
    .action(async (options: HealthOptions) => {
      const problem = await problemOf(command, terminal, options);
      if (problem === null) return;
      say(terminal, `patgate: ${problem}`);
      throw new NegativeAnswer();
    });
}

async function problemOf(
  command: Command,
  terminal: Terminal,
  { readyFile, timeout }: HealthOptions,
): Promise<string | null> {
  if (readyFile !== undefined) return askByFile(readyFile, timeout);
  const { http, postgres } = configOf(command, terminal).config.listen;
  return http === null ? askPort(postgres, timeout) : askReadyz(localUrl(http), timeout);
}

const ReadyFile = z.object({
  postgres: z.object({ host: z.string(), port: z.number() }),
  http: z.object({ url: z.url() }).nullish(),
});

async function askByFile(path: string, timeoutMs: number): Promise<string | null> {
  const problem = unreadable(path);
  if (problem !== null) return `not ready: ${path}: ${problem}`;
  const { http, postgres } = ReadyFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  return http === null || http === undefined ? askPort(postgres, timeoutMs) : askReadyz(http.url, timeoutMs);
}
