import { addressBlock } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { FairQueue, type FairQueueOptions } from '../core/fair-queue.ts';
import { decodeClientHello } from '../tls/client-hello.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { SilentClose, type OpeningSocket } from './opening-socket.ts';

/** What is known of a handshake before it costs anything. */
export interface Hello {
  /**
   * More is to be computed when the client sends something else: a second hello that it is asked for, or its key in TLS 1.2.
   */
  readonly costsLater: boolean;
}

/**
 * Waits in the clear until a client's hello is whole. A handshake costs an operation with the private key as soon as that is so:
 * if OpenSSL got the hello piece by piece, thousands that lack one byte could be completed at once, with nobody to say whose
 * turn it is. The bytes stay in the read buffer.
 * @param groups of the server's identity
 * @throws SilentClose when the client leaves before, or for what no client of a database sends
 */
export async function awaitHello(opening: OpeningSocket, groups: readonly number[]): Promise<Hello> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const hello = decodeClientHello(bytes, groups);
    switch (hello.kind) {
      case 'more':
        bytes = Buffer.concat([bytes, await opening.read(hello.needed - bytes.length)]);
        break;
      case 'refused':
        throw new SilentClose(clientMalformed(hello.reason));
      case 'hello':
      case 'other': // OpenSSL has the alert for it
        opening.unread(bytes);
        return { costsLater: hello.kind === 'hello' && (hello.retried || !hello.tls13) };
      default:
        return hello satisfies never;
    }
  }
}

/** At worst, so many keys of the costliest group are computed in one round of the event loop. */
const LIMITS: FairQueueOptions = { running: 16, waiting: 1000, waitingPerLane: 250 };
const TIMEOUT_MS = 3000;

/**
 * The handshakes that cost something after their turn. When, is up to the client, which may have many do so together: what bounds
 * that is how many are under way at once.
 */
export class BoundedHandshakes {
  readonly #queue: FairQueue;
  readonly #clock: Clock;

  /** @param limits lanes are addresses, or /64 */
  constructor(clock: Clock, limits: FairQueueOptions = LIMITS) {
    this.#clock = clock;
    this.#queue = new FairQueue(limits);
  }

  /**
   * @param address the client's
   * @param giveUp called when it takes too long; has `handshake` fail
   * @throws SilentClose when too many wait already; what `handshake` throws
   */
  run<T>(address: string, handshake: () => Promise<T>, giveUp: () => void): Promise<T> {
    const result = this.#queue.run(addressBlock(address), async () => {
      const timer = this.#clock.after(TIMEOUT_MS, giveUp);
      try {
        return await handshake();
      } finally {
        timer.cancel();
      }
    });
    if (result === null) throw new SilentClose(clientMalformed('too many TLS handshakes are under way'));
    return result;
  }
}
