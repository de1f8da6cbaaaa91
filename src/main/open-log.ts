import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { createLog, type Log } from '../core/log.ts';

export interface OpenLog {
  readonly log: Log;
  /** Lets go of a file that was moved away, and begins a new one of its name. */
  reopen(): void;
}

/**
 * The log that the configuration asks for: standard error, or a file that only its owner may read.
 * @param worker told in each line; null: there is only one process
 */
export function openLog(
  { log: { level, file } }: Pick<Config, 'log'>,
  worker: number | null = null,
): OpenLog {
  if (file === null) return { log: createLog(level, undefined, worker), reopen: () => undefined };
  const destination = pino.destination({ dest: file, append: true, mkdir: true, mode: 0o600, sync: true });
  return { log: createLog(level, destination, worker), reopen: () => destination.reopen() };
}
