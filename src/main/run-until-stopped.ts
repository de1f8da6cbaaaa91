import type { Config } from '../config/config.ts';
import { describeError } from '../core/errors.ts';
import { openLog } from './open-log.ts';
import { connectionRecipes } from './recipes.ts';
import { serve } from './serve.ts';

export interface RunOptions {
  readonly readyFile: string | null;
  /** Gets the connection recipes once the gateway is ready. */
  readonly announce: (text: string) => void;
}

/** Conventional: 128 and the signal's number. */
const EXIT_BY_SECOND_SIGNAL = 130;

/** Serves until SIGTERM or SIGINT; resolves when everything is closed. SIGHUP reloads what can be reloaded. */
export async function runUntilStopped(config: Config, { readyFile, announce }: RunOptions): Promise<void> {
  const log = openLog(config);
  let askToStop = (): void => undefined;
  const stopAsked = new Promise<void>((resolve) => {
    askToStop = resolve;
  });
  let signals = 0;
  const onStop = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) process.exit(EXIT_BY_SECOND_SIGNAL);
    log.info({ signal }, 'stopping; once more stops at once');
    askToStop();
  };
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  const serving = await serve(config, { readyFile, log });
  const onReload = (): void => {
    serving.reload().catch((error: unknown) => {
      log.error({ error: describeError(error) }, 'not reloaded; what was loaded before stays in force');
    });
  };
  process.on('SIGHUP', onReload);
  announce(connectionRecipes(serving.info));
  await stopAsked;
  await serving.stop();
  process.off('SIGTERM', onStop);
  process.off('SIGINT', onStop);
  process.off('SIGHUP', onReload);
}
