import type { Clock } from '../core/clock.ts';
import type { LoginClient } from './types.ts';

/** Far more than testing a proof against hundreds of secrets takes, and too little for a person to notice. */
const STEP_MS = 20;

/** A client's reader, and how to wait until the client can not tell from the time what happened to what it sent last. */
export interface Timed {
  readonly reader: LoginClient['reader'];
  /** Resolves a whole number of steps after the client's last message. */
  readonly evenOut: () => Promise<void>;
}

/**
 * Refusals leave at fixed distances from the message that they answer, so that the number of a user's secrets, or that there is
 * no such user, does not show in microseconds.
 */
export function timed(reader: LoginClient['reader'], clock: Clock): Timed {
  let lastMessageMs = clock.monotonicMs();
  const next: LoginClient['reader']['next'] = async (options) => {
    const message = await reader.next(options);
    lastMessageMs = clock.monotonicMs();
    return message;
  };
  return {
    reader: { next },
    evenOut: () =>
      new Promise((resolve) => {
        const elapsedMs = clock.monotonicMs() - lastMessageMs;
        clock.after(STEP_MS - (elapsedMs % STEP_MS), resolve);
      }),
  };
}
