import type { Log } from '../core/log.ts';
import { describeError } from '../core/errors.ts';

const CHECK_MS = 1000;

export interface Keeper {
  /** Ends the watch and waits for a restart that is under way. */
  stop(): Promise<void>;
}

/**
 * Looks after a server that is not necessarily our child: when it is gone while somebody uses it (out of memory, a stray
 * kill), it is started again.
 * @param isUp whether the server runs
 * @param restart starts it; called again after the next check when it fails
 */
export function keepServer(isUp: () => Promise<boolean>, restart: () => Promise<void>, log: Log): Keeper {
  let running: Promise<void> | null = null;
  const check = async () => {
    try {
      if (await isUp()) return;
      log.warn('the embedded PostgreSQL is gone; starting it again');
      await restart();
      log.info('the embedded PostgreSQL runs again');
    } catch (error) {
      log.error({ code: 'embedded.failed', reason: describeError(error) }, 'the embedded PostgreSQL is down');
    }
  };
  const timer = setInterval(() => {
    running ??= check().finally(() => (running = null));
  }, CHECK_MS);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
