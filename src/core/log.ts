import { pino, type DestinationStream, type Logger } from 'pino';
import { LogDestination } from './log-destination.ts';

export type Log = Logger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Structured log as JSON lines.
 * @param destination where lines go; standard error when left out, so that standard output stays free for data
 * @param worker number of the worker whose log it is; null: there are none, or it is their parent's
 */
export function createLog(
  level: LogLevel,
  destination?: DestinationStream,
  worker: number | null = null,
): Log {
  return pino(
    {
      level,
      base: worker === null ? null : { worker },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['password', 'token', 'secret', '*.password', '*.token', '*.secret'],
        censor: '[secret]',
      },
    },
    destination ?? new LogDestination(2),
  );
}
