import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { connectSocket } from '../session/transport-connect.ts';
import type { Transports } from '../session/transports.ts';
import type { Dial } from '../upstream/dial.ts';
import type { Upstream } from '../upstream/open.ts';
import { createUpstream, type PoolOptions } from '../upstream/upstream.ts';
import { enginesOf, type EmbeddedEngine } from './engine-options.ts';
import type { LiveSettings } from './live-settings.ts';

export interface EngineSideOptions {
  readonly settings: LiveSettings;
  readonly embedded: EmbeddedEngine | null;
  readonly transports: Transports;
  readonly clock: Clock;
  readonly log: Log;
}

/** @throws RequestError config.invalid */
export function createEngineSide({
  settings,
  embedded,
  transports,
  clock,
  log,
}: EngineSideOptions): Promise<Upstream> {
  const dial: Dial = {
    socket: connectSocket,
    plain: (socket) => transports.plain(socket),
    tls: (socket, carrier) => transports.tls(socket, carrier),
  };
  const options = {
    ...enginesOf(settings.current, embedded),
    get allowReplication() {
      return settings.current.sessions.allowReplication;
    },
    pool: poolOptions(settings),
  };
  return createUpstream(options, { dial, clock, log });
}

/** Read anew each time, so that a reload changes them. */
function poolOptions(settings: LiveSettings): PoolOptions {
  return {
    get reuse() {
      return settings.current.pool.reuse;
    },
    get maxIdlePerKey() {
      return settings.current.pool.maxIdlePerKey;
    },
    get maxIdle() {
      return settings.current.pool.maxIdle;
    },
    get idleTimeoutMs() {
      return settings.current.pool.idleTimeout;
    },
  };
}
