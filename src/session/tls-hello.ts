import { addressBlock } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { FairQueue } from '../core/fair-queue.ts';
import { decodeClientHello } from '../tls/client-hello.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { SilentClose, type OpeningSocket } from './opening-socket.ts';

/** What is known of a handshake before it costs anything. */
export interface Hello {
  /** The server will have the client send a second hello, and do its work when that is whole. */
  readonly retried: boolean;
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
        return { retried: hello.kind === 'hello' && hello.retried };
      default:
        return hello satisfies never;
    }
  }
}

/** Each client library offers a key for a group that we accept: this is for what nobody has met yet. */
const AT_ONCE = { running: 4, waiting: 256, waitingPerLane: 16 };
const TIMEOUT_MS = 5000;

/**
 * The handshakes in which a second hello is asked for. It may become whole at any time, so what bounds their cost is that few of
 * them are under way at once.
 */
export class RetriedHandshakes {
  readonly #queue = new FairQueue(AT_ONCE);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
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
    if (result === null)
      throw new SilentClose(clientMalformed('too many TLS handshakes with a second hello'));
    return result;
  }
}
