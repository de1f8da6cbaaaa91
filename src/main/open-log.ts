import type { Config } from '../config/config.ts';
import { describeError } from '../core/errors.ts';
import { LogDestination, type LogState } from '../core/log-destination.ts';
import { createLog, type Log } from '../core/log.ts';

export interface OpenLog {
  readonly log: Log;
  readonly state: LogState;
  /** Lets go of a file that was moved away, and begins a new one of its name; keeps the old one where that fails. */
  reopen(): void;
}

const STANDARD_ERROR = 2;

/**
 * The log that the configuration asks for: standard error, or a file that only its owner may read.
 * @param worker told in each line; null: there is only one process
 * @throws when the file cannot be opened
 */
export function openLog(
  { log: { level, file } }: Pick<Config, 'log'>,
  worker: number | null = null,
): OpenLog {
  const destination = new LogDestination(file ?? STANDARD_ERROR, (trouble) =>
    log.warn(trouble, 'the log could not be written for a while'),
  );
  const log = createLog(level, destination, worker);
  return {
    log,
    state: destination,
    reopen() {
      if (file === null) return;
      try {
        destination.reopen();
      } catch (error) {
        log.error({ file, reason: describeError(error) }, 'the log was not opened anew');
      }
    },
  };
}
