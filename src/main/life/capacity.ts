import type { Clock } from '../../core/clock.ts';
import type { Config } from '../../config/config.ts';
import { SETTINGS } from '../../config/settings.ts';
import type { SessionLimits } from '../../session/places.ts';
import type { LiveSettings } from '../live-settings.ts';
import {
  descriptorBudget,
  descriptorLimit,
  descriptorShortage,
  type DescriptorBudget,
} from './descriptors.ts';
import { measureMemory, MemoryGuard } from './memory-guard.ts';

const PLENTY = 1000;

/** What the machine allows, whatever the configuration says: descriptors and memory run out politely. */
export interface Capacity {
  /** The limits in force: `sessions.max` is lower where descriptors do not reach for more. */
  limits(): SessionLimits;
  maxPending(): number;
  /** @throws GatewayError session.out_of_memory */
  checkMemory(): void;
  /** What the operator should know of the settings; null: nothing. */
  shortage(config: Config): string | null;
}

export function createCapacity(settings: LiveSettings, clock: Clock): Capacity {
  const limit = descriptorLimit();
  const guard = new MemoryGuard(clock, measureMemory(settings.current.workers));
  const budget = (config: Config): DescriptorBudget | null =>
    limit === null ? null : descriptorBudget(limit, needsOf(config), config.workers);
  return {
    limits() {
      const { sessions } = settings.current;
      const room = budget(settings.current)?.sessions ?? Infinity;
      if (room >= (sessions.max === 0 ? Infinity : sessions.max)) return sessions;
      return {
        ...sessions,
        max: room,
        maxIs: `as many sessions as ${limit ?? 0} file descriptors are enough for`,
      };
    },
    maxPending: () => {
      const { maxPending } = settings.current.login;
      return Math.min(maxPending, budget(settings.current)?.pending ?? maxPending);
    },
    checkMemory: () => guard.check(),
    shortage(config) {
      // Nobody asked for the default; it is more than most need.
      const isDefault = config.sessions.max === SETTINGS['sessions.max'].makeDefault({});
      if (limit === null || (isDefault && (budget(config)?.sessions ?? 0) >= PLENTY)) return null;
      return descriptorShortage(limit, needsOf(config), config.workers);
    },
  };
}

function needsOf({ sessions, login, pool, store }: Config): Parameters<typeof descriptorBudget>[1] {
  return {
    maxSessions: sessions.max,
    maxPending: login.maxPending,
    maxIdle: pool.maxIdle,
    storePool: store.poolSize,
  };
}
