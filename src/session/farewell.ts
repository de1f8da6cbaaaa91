import type { Clock } from '../core/clock.ts';
import type { Transport } from '../wire/transport.ts';

export interface FarewellOptions {
  readonly clock: Clock;
  /** How long the peer may take to read the last words and close. */
  readonly lingerMs?: number;
}

const LINGER_MS = 2_000;
/** Who sends more than this after the end gets cut off. */
const MOST_IGNORED_BYTES = 1_048_576;

/**
 * Sends last words and closes. What the peer still sends is read and thrown away for a short time: closing a socket with
 * unread bytes makes the kernel send a reset, which can overtake the last words.
 */
export function farewell(transport: Transport, lastWords: Uint8Array, options: FarewellOptions): void {
  const { clock, lingerMs = LINGER_MS } = options;
  const timer = clock.after(lingerMs, () => transport.destroy());
  let ignored = 0;
  transport.setSink({
    data(chunk) {
      ignored += chunk.length;
      if (ignored > MOST_IGNORED_BYTES) transport.destroy();
      return false;
    },
    end: () => undefined,
    drain: () => undefined,
    close: () => timer.cancel(),
  });
  if (lastWords.length > 0) transport.write(lastWords);
  transport.end();
  transport.resume();
}
