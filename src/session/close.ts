import type { Clock } from '../core/clock.ts';
import type { Transport } from '../wire/transport.ts';

const LINGER_MS = 2000;

/**
 * Says a last thing and closes. What the peer still sends is read and dropped for a moment: closing with unread bytes makes the
 * kernel send a reset, and a reset can overtake the error that explains it.
 */
export function closeWith(transport: Transport, lastWords: Buffer, clock: Clock): void {
  if (transport.closed) return;
  const timer = clock.after(LINGER_MS, () => transport.destroy());
  transport.setSink({
    data: () => false,
    end: () => transport.destroy(),
    drain: () => undefined,
    close: () => timer.cancel(),
  });
  transport.resume();
  if (lastWords.length > 0) transport.write(lastWords);
  transport.end();
}
