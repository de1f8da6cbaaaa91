import type { TLSSocket } from 'node:tls';
import { addressBlock } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { FairQueue } from '../core/fair-queue.ts';
import type { Handshake } from '../tls/accept.ts';
import { decodeClientHello } from '../tls/client-hello.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { handleOf, type StreamHandle } from './native-streams.ts';
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
const LISTENED_TO = 16;
/** A client that has answered by then has its answer in the kernel, where it is found within one round of the event loop. */
const SLICE_MS = 5;
const TIMEOUT_MS = 3000;

/**
 * The handshakes that cost something after their turn. When, is up to the client, which may have many do so together: what bounds
 * that is how many are listened to at once. While others wait, one is listened to for a moment and then, if it is silent, not
 * until all others were: what it sends meanwhile stays in the kernel. So those who never answer keep nobody waiting for long.
 */
export class BoundedHandshakes {
  /** Lanes are addresses, or /64. How many wait is bounded by how many connections there may be that have not logged in. */
  readonly #queue: FairQueue;
  readonly #clock: Clock;

  constructor(clock: Clock, listenedTo = LISTENED_TO) {
    this.#clock = clock;
    this.#queue = new FairQueue({ running: listenedTo, waiting: Infinity, waitingPerLane: Infinity });
  }

  /**
   * @param address the client's
   * @param handshake that was just begun
   * @throws what the handshake fails with, also when the client takes too long
   */
  async finish(address: string, { encrypted, done }: Handshake): Promise<TLSSocket> {
    const beganMs = this.#clock.monotonicMs();
    const lane = addressBlock(address);
    const listened = new Listened(encrypted, done);
    await listened.helloIsRead();
    listened.stop();
    while (!listened.isOver()) {
      const listen = async (): Promise<void> => {
        if (listened.isOver()) return;
        listened.start();
        do await this.#slice(listened);
        while (!listened.isOver() && this.#mayGoOn(listened, beganMs));
        if (!listened.isOver()) listened.stop();
      };
      await this.#queue.run(lane, listen, () => new Error('a queue without limits is full'));
    }
    return done;
  }

  /** Nobody is given up who was not listened to in the end. */
  #mayGoOn(listened: Listened, beganMs: number): boolean {
    if (this.#clock.monotonicMs() - beganMs < TIMEOUT_MS)
      return this.#queue.waiting === 0 || !listened.canStop;
    listened.giveUp();
    return true;
  }

  async #slice(listened: Listened): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(SLICE_MS, resolve);
      void listened.end.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

/** A handshake whose client is listened to or not. */
class Listened {
  #over = false;
  /** Settles when there is nothing more to listen for. */
  readonly end: Promise<void>;
  readonly #encrypted: TLSSocket;
  /** Null where Node's internals are not what was tried: such a client is listened to until it is done, or given up. */
  readonly #handle: StreamHandle | null;

  constructor(encrypted: TLSSocket, done: Promise<TLSSocket>) {
    this.#encrypted = encrypted;
    this.#handle = handleOf(encrypted);
    const onEnd = (): void => {
      this.#over = true;
    };
    this.end = done.then(onEnd, onEnd);
  }

  isOver(): boolean {
    return this.#over;
  }

  get canStop(): boolean {
    return this.#handle !== null;
  }

  /** TLSSocket begins to read in a tick of its own, with what was in the buffer. */
  helloIsRead(): Promise<void> {
    return new Promise((resolve) => process.nextTick(resolve));
  }

  start(): void {
    if (!this.#encrypted.destroyed) this.#handle?.readStart();
  }

  stop(): void {
    if (!this.#encrypted.destroyed) this.#handle?.readStop();
  }

  giveUp(): void {
    this.#encrypted.destroy();
  }
}
