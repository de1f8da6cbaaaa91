import type { Socket } from 'node:net';

import type { Transport, TransportSink } from '../wire/transport.ts';
import { SinkSlot } from './sink-slot.ts';

/**
 * A transport over any stream socket by its public events: what TLS needs, and what plain connections fall back to where
 * their faster way of reading is not to be had.
 */
export class SocketTransport implements Transport {
  readonly encrypted: boolean;
  protected readonly socket: Socket;
  protected readonly slot: SinkSlot;
  protected paused = true;
  #closed = false;
  #error: Error | null = null;

  /** @param head bytes that were read from the socket before */
  constructor(socket: Socket, options: { encrypted: boolean; head?: Buffer | undefined }) {
    this.encrypted = options.encrypted;
    this.socket = socket;
    this.slot = new SinkSlot(options.head);
    socket.pause();
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.on('end', () => this.slot.end());
    socket.on('drain', () => this.slot.drain());
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

  setSink(sink: TransportSink | null): void {
    this.slot.sink = sink;
    if (sink !== null) this.#deliverSoon();
  }

  write(chunk: Uint8Array): boolean {
    if (this.socket.writableEnded || this.socket.destroyed) return true;
    return this.socket.write(chunk);
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.slot.hasWaiting) this.#deliverSoon();
    else this.socket.resume();
  }

  end(): void {
    if (!this.socket.destroyed) this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Kept events are delivered after the caller's own work, as if they happened now. */
  #deliverSoon(): void {
    process.nextTick(() => {
      this.slot.deliver(() => !this.paused);
      if (!this.paused && !this.slot.hasWaiting) this.socket.resume();
    });
  }
}

/** Reads by data events. Each chunk is freshly made by Node, so the sink may keep it. */
export class EventTransport extends SocketTransport {
  constructor(socket: Socket, options: { encrypted: boolean; head?: Buffer | undefined }) {
    super(socket, options);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // adding a data listener starts a stream that was not paused explicitly
    socket.pause();
  }

  #read(chunk: Buffer): void {
    const { sink } = this.slot;
    if (sink !== null && !this.slot.hasWaiting) {
      sink.data(chunk, true);
      return;
    }
    this.slot.keep(chunk);
    this.pause();
  }
}
