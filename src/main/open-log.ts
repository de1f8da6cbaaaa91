import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { createLog, type Log } from '../core/log.ts';

/** The log that the configuration asks for: standard error, or a file that only its owner may read. */
export function openLog({ log: { level, file } }: Config): Log {
  if (file === null) return createLog(level);
  return createLog(
    level,
    pino.destination({ dest: file, append: true, mkdir: true, mode: 0o600, sync: true }),
  );
}
