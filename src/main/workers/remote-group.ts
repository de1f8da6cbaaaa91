import { createSecretKey } from 'node:crypto';
import type { Admission } from '../../accounts/guess-guard.ts';
import { fingerprintOf, laneOf } from '../../login/throttle.ts';
import type { Group } from '../group.ts';
import type { Channel } from './channel.ts';
import type { GuessOutcome, ParentSide, WorkerSide } from './protocol.ts';

/** What a worker does not decide for itself. */
export function remoteGroup(channel: Channel<WorkerSide, ParentSide>, fingerprintKey: Buffer): Group {
  const key = createSecretKey(fingerprintKey);
  return {
    places: {
      async take(places) {
        const ticket = await channel.ask('take', places);
        return { release: () => channel.tell('release', ticket) };
      },
    },
    throttle: {
      async admit(attempt): Promise<Admission> {
        const ticket = await channel.ask('admit', attempt);
        const ended = (outcome: GuessOutcome): void => channel.tell('guess', { ticket, outcome });
        return {
          mayTest: async () => {
            await channel.ask('mayTest', ticket);
          },
          failed: (fingerprint) => ended({ kind: 'failed', fingerprint }),
          succeeded: () => ended({ kind: 'succeeded' }),
          dropped: () => ended({ kind: 'dropped' }),
        };
      },
      lane: laneOf,
      fingerprint: (account, secret) => fingerprintOf(key, account, secret),
    },
    async passOnCancel(asked) {
      await channel.ask('cancel', asked);
    },
  };
}
