import type { Socket } from 'node:net';
import { Counter, type Registry } from 'prom-client';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Config } from '../../config/config.ts';
import { SETTINGS } from '../../config/settings.ts';
import type { SessionLimits } from '../../session/places.ts';
import type { LiveSettings } from '../live-settings.ts';
import { garbageCollector } from './collect-garbage.ts';
import { DescriptorWatch, type Room } from './descriptor-watch.ts';
import { descriptorBudget, descriptorShortage, type DescriptorBudget } from './descriptors.ts';
import { createMemoryMeter, MemoryGuard } from './memory-guard.ts';

const PLENTY = 1000;

export type ListenerName = 'postgres' | 'http' | 'metrics';

/** What the machine allows, whatever the configuration says: descriptors and memory run out politely. */
export interface Capacity {
  /** The limits in force: `sessions.max` is lower where descriptors do not reach for more. */
  limits(): SessionLimits;
  maxPending(): number;
  /** Of each HTTP listener. */
  maxHttpConnections(): number;
  /** Whether there is room for a connection that was just accepted. */
  room(socket: Socket): Room;
  /** Counts a connection that was closed, or sent away, because there were too many. */
  refused(listener: ListenerName, reason: 'descriptors' | 'pending' | 'connections'): void;
  /** @throws GatewayError session.out_of_memory */
  checkMemory(): void;
  /** What the operator should know of the settings; null: nothing. */
  shortage(config: Config): string | null;
  close(): void;
}

export interface CapacityOptions {
  readonly settings: LiveSettings;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  /** Told whenever there is more or less room for connections. */
  readonly roomChanged?: (room: Room) => void;
}

export function createCapacity({ settings, registry, clock, log, roomChanged }: CapacityOptions): Capacity {
  const watch = new DescriptorWatch({ registry, clock, log, changed: roomChanged });
  const memory = createMemoryMeter();
  const guard = new MemoryGuard(clock, () => memory.measure(), garbageCollector());
  const refusals = new Counter({
    name: 'patgate_connections_refused_total',
    help: 'Connections that were closed or sent away at once because there were too many, by listener and limit.',
    labelNames: ['listener', 'reason'],
    registers: [registry],
  });
  const budget = (config: Config): DescriptorBudget | null =>
    watch.limit === null ? null : descriptorBudget(watch.limit, needsOf(config), config.workers);
  return {
    limits() {
      const { sessions } = settings.current;
      const room = budget(settings.current)?.sessions ?? Infinity;
      if (room >= (sessions.max === 0 ? Infinity : sessions.max)) return sessions;
      return {
        ...sessions,
        max: room,
        maxIs: `as many sessions as ${watch.limit ?? 0} file descriptors are enough for`,
      };
    },
    maxPending: () => {
      const { maxPending } = settings.current.login;
      return Math.min(maxPending, budget(settings.current)?.pending ?? maxPending);
    },
    maxHttpConnections: () => budget(settings.current)?.http ?? settings.current.http.maxConnections,
    room: (socket) => watch.room(socket),
    refused: (listener, reason) => refusals.inc({ listener, reason }),
    checkMemory: () => guard.check(),
    shortage(config) {
      // Nobody asked for the default; it is more than most need.
      const isDefault = config.sessions.max === SETTINGS['sessions.max'].makeDefault({});
      if (watch.limit === null || (isDefault && (budget(config)?.sessions ?? 0) >= PLENTY)) return null;
      return descriptorShortage(watch.limit, needsOf(config), config.workers);
    },
    close() {
      watch.close();
      memory.close();
    },
  };
}

function needsOf({ sessions, login, pool, store, http }: Config): Parameters<typeof descriptorBudget>[1] {
  return {
    maxSessions: sessions.max,
    maxPending: login.maxPending,
    maxIdle: pool.maxIdle,
    storePool: store.poolSize,
    http: http.maxConnections,
  };
}
