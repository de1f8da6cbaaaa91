import type { Socket } from 'node:net';

import type { Transport, TransportSink } from '../wire/transport.ts';
import { SinkSlot } from './sink-slot.ts';

/** How long a silent peer is trusted before the kernel asks whether it is still there. */
const KEEP_ALIVE_MS = 60_000;

/** What transports over a stream socket have in common: all but how bytes come in and when a write has gone out. */
export abstract class SocketTransport implements Transport {
  abstract readonly encrypted: boolean;
  protected readonly socket: Socket;
  protected readonly slot: SinkSlot;
  #paused = true;
  #closed = false;
  #error: Error | null = null;

  /**
   * @param socket connected
   * @param head bytes that were read from the socket before
   */
  constructor(socket: Socket, head?: Buffer) {
    this.socket = socket;
    this.slot = new SinkSlot(head);
    // a stream that was paused explicitly is not started by the data listener
    socket.pause();
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // where `onread` serves, no data event comes
    socket.on('data', (chunk: Buffer) => this.received(chunk, true));
    socket.on('end', () => this.slot.end());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.#closed = true;
      this.slot.close(this.#error);
    });
  }

  get queuedBytes(): number {
    return this.socket.writableLength;
  }

  get closed(): boolean {
    return this.#closed || this.socket.destroyed;
  }

  abstract write(chunk: Uint8Array): boolean;
  abstract release(): void;
  abstract lull(): void;

  setSink(sink: TransportSink | null): void {
    this.slot.sink = sink;
    if (sink !== null) this.#deliverSoon();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.slot.hasWaiting) this.#deliverSoon();
    else this.socket.resume();
  }

  end(): void {
    if (!this.socket.destroyed) this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Bytes from the peer, as `TransportSink.data` takes them. */
  protected received(chunk: Buffer, owned: boolean): boolean {
    const { sink, hasWaiting } = this.slot;
    if (sink !== null && !hasWaiting) return sink.data(chunk, owned);
    this.slot.keep(owned ? chunk : Buffer.from(chunk));
    this.pause();
    return false;
  }

  /** Kept events are delivered after the caller's own work, as if they happened then. */
  #deliverSoon(): void {
    process.nextTick(() => {
      this.slot.deliver(() => !this.#paused);
      if (!this.#paused && !this.slot.hasWaiting) this.socket.resume();
    });
  }
}
