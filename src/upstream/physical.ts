import type { Clock } from '../core/clock.ts';
import { encodeFrontend } from '../wire/frontend.ts';
import type { Transport } from '../wire/transport.ts';
import type { SessionRequest } from './engine-login.ts';
import type { Greeting } from './greeting.ts';
import type { Opened } from './open-fresh.ts';

/** One connection to an engine, which outlives the loans of it. */
export interface Physical {
  readonly request: SessionRequest;
  readonly opened: Omit<Opened, 'greeting' | 'reported'>;
  readonly transport: Transport;
  /** The principal that it was opened for, the only one that it may ever serve. */
  readonly uid: string;
  /** What sessions it may serve again, see poolKey(); null: none. */
  readonly poolKey: string | null;
  /** Monotonic milliseconds. */
  readonly openedAtMs: number;
  /** What a client is greeted with; kept up to date. */
  greeting: Greeting;
  /** Cancel requests on their way: each settles with whether the engine has dealt with it. */
  readonly cancels: Set<Promise<boolean>>;
  /** A cancel request was sent since the last reset: its signal may still be on the way. */
  cancelled: boolean;
}

const CLOSE_TIMEOUT_MS = 5000;

/**
 * Ends an engine session in order: Terminate where the engine can be told so, FIN, and the connection cut when the engine does
 * not close its side in time. Settles when it is closed.
 * @param how whether the last bytes sent were a whole message
 */
export function closePhysical(
  { transport }: Pick<Physical, 'transport'>,
  clock: Clock,
  how: { readonly atBoundary: boolean },
): Promise<void> {
  return new Promise((resolve) => {
    if (transport.closed) {
      resolve();
      return;
    }
    const timer = clock.after(CLOSE_TIMEOUT_MS, () => transport.destroy());
    // Reads on, so that the engine is not held up, and hears nothing but the end.
    transport.setSink({
      data: () => false,
      end: () => transport.destroy(),
      drain: () => undefined,
      close() {
        timer.cancel();
        resolve();
      },
    });
    if (how.atBoundary) transport.write(encodeFrontend({ kind: 'terminate' }));
    transport.end();
    transport.resume();
  });
}
