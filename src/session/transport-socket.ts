import type { Socket } from 'node:net';

import type { Transport, TransportSink } from '../wire/transport.ts';
import { SinkSlot } from './sink-slot.ts';
import { resetSocket } from './transport-reset.ts';

/** What every transport wants of its socket. Whoever accepted or opened it has said when the kernel is to ask for a silent peer. */
export function prepareSocket(socket: Socket): void {
  socket.pause();
  socket.setTimeout(0);
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
}

/**
 * A transport by the socket's public events: for TLS, and for plain connections where Node's handles are not what was tried.
 * Each chunk is freshly made by Node, so it is the sink's own.
 */
export class SocketTransport implements Transport {
  readonly encrypted: boolean;
  readonly writesAtOnce = false;
  readonly #socket: Socket;
  readonly #carrier: Socket;
  readonly #slot: SinkSlot;
  #paused = true;
  #closed = false;
  #error: Error | null = null;

  /**
   * @param socket connected
   * @param head bytes that were read from the socket before
   * @param carrier the connection below TLS
   */
  constructor(socket: Socket, encrypted: boolean, head?: Buffer, carrier: Socket = socket) {
    this.encrypted = encrypted;
    this.#socket = socket;
    this.#carrier = carrier;
    this.#slot = new SinkSlot(head);
    // a stream that was paused explicitly is not started by the data listener
    prepareSocket(socket);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => this.#slot.drain());
    socket.on('end', () => this.#slot.end());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#slot.close(this.#error);
    });
    if (socket.readableEnded) this.#slot.end();
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  get closed(): boolean {
    return this.#closed || this.#socket.destroyed;
  }

  setSink(sink: TransportSink | null): void {
    this.#slot.sink = sink;
    if (sink !== null) this.#deliverSoon();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#socket.writableEnded || this.#socket.destroyed) return true;
    return this.#socket.write(chunk);
  }

  writeCopy(chunk: Uint8Array): boolean {
    return this.write(Buffer.from(chunk));
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#slot.hasWaiting) this.#deliverSoon();
    else this.#socket.resume();
  }

  release(): void {
    // nothing is lent
  }

  lull(): void {
    // no buffer is held
  }

  end(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    resetSocket(this.#socket, this.#carrier);
  }

  #received(chunk: Buffer): void {
    const { sink } = this.#slot;
    if (sink !== null && !this.#slot.hasWaiting) {
      sink.data(chunk, 'owned');
      return;
    }
    this.#slot.keep(chunk);
    this.#socket.pause();
  }

  /** Kept events are delivered after the caller's own work, as if they happened then. */
  #deliverSoon(): void {
    process.nextTick(() => {
      this.#slot.deliver(() => !this.#paused);
      if (!this.#paused && !this.#slot.hasWaiting) this.#socket.resume();
    });
  }
}
