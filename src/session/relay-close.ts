import type { Clock, Timer } from '../core/clock.ts';
import type { Transport } from '../wire/transport.ts';

/**
 * Sends what is queued and a FIN, then reads and drops what the peer still sends until it closes too: closing with unread
 * bytes would send a reset, which can take the last message away from the peer before it has read it.
 *
 * @param timeoutMs after this long without a queued byte being taken, or without the peer closing, it is cut off
 * @returns settles when the connection is gone
 */
export function closeGracefully(transport: Transport, clock: Clock, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (transport.closed) {
      transport.setSink(null);
      resolve();
      return;
    }
    let timer: Timer;
    const watch = (queuedBefore: number): void => {
      timer = clock.after(timeoutMs, () => {
        const queued = transport.queuedBytes;
        if (queued > 0 && queued < queuedBefore) watch(queued);
        else transport.destroy();
      });
    };
    transport.setSink({
      data: () => false,
      end: () => undefined,
      drain: () => undefined,
      close: () => {
        timer.cancel();
        resolve();
      },
    });
    watch(transport.queuedBytes);
    transport.end();
    transport.resume();
  });
}
