import { createSecretKey } from 'node:crypto';
import type { GuessGuard } from '../accounts/guess-guard.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { DEFAULT_THROTTLE, Throttle, type ThrottleOptions } from '../login/throttle.ts';
import { cancelNearby, createCancelGuesses, forwardCancel, type CancelKey } from '../session/cancel.ts';
import { PlaceCounts, type Places } from '../session/places.ts';
import type { LiveSettings } from './live-settings.ts';
import type { Services } from './services.ts';

/** What the processes of one gateway decide together: whoever spreads connections over them gains nothing. */
export interface Group {
  readonly places: Places;
  readonly throttle: GuessGuard;
  /**
   * For a cancel key that no session of the asking process has.
   * @param ask whether another process of this gateway has it; not called for whoever makes up keys
   */
  passOnCancel(asked: CancelKey, ask?: () => Promise<boolean>): Promise<void>;
}

export interface GroupOptions {
  readonly settings: LiveSettings;
  readonly services: Pick<Services, 'bus' | 'credentials'>;
  readonly fingerprintKey: Buffer;
  readonly clock: Clock;
  readonly log: Log;
}

/** Counts in this process: the only one, or the one that the others ask. */
export async function createGroup({
  settings,
  services,
  fingerprintKey,
  clock,
  log,
}: GroupOptions): Promise<Group> {
  const forwardDeps = {
    publish: (cancel: { processId: number; keyDigest: string }) =>
      services.bus.publish({ kind: 'cancel', ...cancel }),
    guesses: createCancelGuesses(clock),
    digestKey: createSecretKey(await services.credentials.storeSecret()),
    log,
  };
  return {
    places: new PlaceCounts(),
    throttle: new Throttle(clock, throttleOptions(settings), fingerprintKey),
    async passOnCancel(asked, ask) {
      const known = ask !== undefined && (await cancelNearby(asked, forwardDeps.guesses, ask));
      if (!known) await forwardCancel(asked, forwardDeps);
    },
  };
}

/** Read anew each time, so that a reload changes them. */
function throttleOptions(settings: LiveSettings): ThrottleOptions {
  return {
    ...DEFAULT_THROTTLE,
    get free() {
      return settings.current.login.throttleFree;
    },
    get firstWaitMs() {
      return settings.current.login.throttleFirstWait;
    },
    get longestWaitMs() {
      return settings.current.login.throttleLongestWait;
    },
    get forgiveEveryMs() {
      return settings.current.login.throttleForgiveEvery;
    },
  };
}
