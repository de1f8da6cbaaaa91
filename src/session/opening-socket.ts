import type { Socket } from 'node:net';

import type { GatewayError } from '../core/errors.ts';

/** The connection is to be closed without a word: nobody is there, or nobody who would understand. */
export class SilentClose extends Error {
  /** What is wrong with what came; null when nothing is (health checks, port scans). */
  readonly reason: GatewayError | null;

  constructor(reason: GatewayError | null) {
    super(reason?.message ?? 'the client left');
    this.reason = reason;
  }
}

/**
 * Reads exact counts of bytes from an accepted socket. What was not asked for stays in the socket's own read buffer, where
 * TLS finds it.
 */
export class OpeningSocket {
  readonly #socket: Socket;
  #wake: (() => void) | null = null;
  readonly #onChange = (): void => {
    this.#wake?.();
  };

  /** @param socket freshly accepted: neither flowing nor read from */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.allowHalfOpen = true;
    socket.on('error', this.#onChange);
    socket.on('readable', this.#onChange);
    socket.on('end', this.#onChange);
    socket.on('close', this.#onChange);
  }

  /** @throws SilentClose when the client closes before that many bytes came */
  async read(count: number): Promise<Buffer> {
    if (this.#socket.readableLength >= count) return this.#take(count);
    // Copied as they come: the stream would keep an object of half a kilobyte for each segment, be it one byte.
    const bytes = Buffer.allocUnsafe(count);
    for (let filled = 0; filled < count;) {
      const arrived = Math.min(count - filled, this.#socket.readableLength);
      if (arrived > 0) filled += this.#take(arrived).copy(bytes, filled);
      else await this.#change();
    }
    return bytes;
  }

  #take(count: number): Buffer {
    const bytes = this.#socket.read(count) as Buffer | null;
    if (bytes?.length !== count) throw new SilentClose(null);
    return bytes;
  }

  /** Waits until something happens. @throws SilentClose when nothing can any more */
  async #change(): Promise<void> {
    // has the stream go on reading, or say that it has ended
    this.#socket.read(0);
    if (this.#socket.readableEnded || this.#socket.destroyed) throw new SilentClose(null);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }

  /** Puts bytes back in front of those that were not read. */
  unread(bytes: Buffer): void {
    this.#socket.unshift(bytes);
  }

  /** How many bytes arrived that were not read. */
  get arrived(): number {
    return this.#socket.readableLength;
  }

  /** Writes something short in the clear. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Hands the socket over with what arrived still in it. Its errors go on being listened to, as they always must be. */
  release(): Socket {
    this.#socket.on('error', ignore);
    this.#socket.off('error', this.#onChange);
    this.#socket.off('readable', this.#onChange);
    this.#socket.off('end', this.#onChange);
    this.#socket.off('close', this.#onChange);
    return this.#socket;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Without a listener, an error would end the process. */
function ignore(): void {
  // whoever has the socket now listens too
}
