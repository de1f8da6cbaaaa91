import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Embedded } from '../embedded/embedded.ts';
import { limitHeapGrowth } from './life/heap-growth.ts';
import type { InheritedSockets } from './life/inherited-sockets.ts';
import { createServiceManager } from './life/service-manager.ts';
import type { OpenLog } from './open-log.ts';
import { connectionRecipes } from './recipes.ts';
import type { ReloadSignal } from './reload-signal.ts';
import { serve, type Serving } from './serve.ts';

export interface RunOptions {
  readonly readyFile: string | null;
  readonly opened: OpenLog;
  /** The embedded PostgreSQL, whose start has begun. */
  readonly embedded: Promise<Embedded | null>;
  readonly inherited: InheritedSockets;
  /** Heard since before the start; what came during it is done once the gateway serves. */
  readonly reloadSignal: ReloadSignal;
  /** Gets the connection recipes once the gateway is ready. */
  readonly announce: (text: string) => void;
  /** Reads the configuration again, from where it came from. */
  readonly reread: () => LoadedConfig;
}

/** Conventional: 128 and the signal's number. */
const EXIT_BY_SECOND_SIGNAL = 130;

/**
 * Serves until SIGTERM or SIGINT; resolves when everything is closed. SIGHUP reads the configuration again and takes over what can
 * change live.
 */
export async function runUntilStopped(config: Config, options: RunOptions): Promise<void> {
  const { opened, embedded, inherited, readyFile, reloadSignal } = options;
  const { log } = opened;
  const stop = stopSignals(log);
  const serving = await serve(config, { readyFile, embedded, inherited, log, logState: opened.state });
  const manager = createServiceManager({ environment: process.env, clock: systemClock, log });
  const { host, port } = serving.info.postgres;
  const status = `ready on ${host}:${port}`;
  let reloading = Promise.resolve();
  const onReload = (): void => {
    opened.reopen();
    serving.reopenLog();
    // One after the other: the last signal decides.
    reloading = reloading.then(async () => {
      manager.reloading();
      await reload(serving, options.reread, log);
      manager.ready(status);
    });
  };
  limitHeapGrowth();
  options.announce(connectionRecipes(serving.info));
  manager.ready(status);
  reloadSignal.deliverTo(onReload);
  manager.watch(() => serving.healthy());
  await stop.asked;
  await reloading;
  manager.stopping('letting statements finish');
  await serving.stop();
  await manager.close();
  reloadSignal.ignore();
  stop.ignore();
}

/** Never rejects: a configuration that cannot be used changes nothing, and the log says why. */
async function reload(serving: Serving, reread: RunOptions['reread'], log: Log): Promise<void> {
  const loaded = reread();
  if (!loaded.ok) {
    for (const problem of loaded.problems) log.error({ problem }, 'configuration not reloaded');
    return;
  }
  try {
    await serving.reload(loaded.config);
  } catch (error) {
    log.error({ problem: describeError(error) }, 'configuration not reloaded');
  }
}

function stopSignals(log: Log): { readonly asked: Promise<void>; ignore(): void } {
  let askToStop = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
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
  return {
    asked,
    ignore() {
      process.off('SIGTERM', onStop);
      process.off('SIGINT', onStop);
    },
  };
}
