import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

import type { Transport, TransportSink } from '../wire/transport.ts';
import { END_OF_FILE, type NativeStreams, type StreamHandle } from './native-streams.ts';
import { SMALL_BYTES, type ReadBuffers } from './read-buffers.ts';
import { SinkSlot } from './sink-slot.ts';
import { resetSocket } from './transport-reset.ts';
import { prepareSocket } from './transport-socket.ts';

/** As many small reads in a row end a bulk transfer. */
const SMALL_READS = 8;

/**
 * A connection that is read and written by its handle. The socket is left for what happens once: shutting down, closing, and
 * telling that it closed. What writing means is the subclass's.
 *
 * Small reads go to the buffer that all connections share and are handed on as `fleeting`. A large one makes the connection
 * take a buffer of its own, whose chunks are `lent`. Nothing that a write may still need is ever read over.
 */
export abstract class HandleTransport implements Transport {
  abstract readonly encrypted: boolean;
  abstract readonly queuedBytes: number;
  readonly writesAtOnce = true;
  protected readonly socket: Socket;
  protected readonly handle: StreamHandle;
  protected readonly native: NativeStreams;
  protected readonly buffers: ReadBuffers;
  protected readonly slot: SinkSlot;
  protected writeEnded = false;
  #own: Buffer | null = null;
  #kept: Buffer | null = null;
  #smallReads = 0;
  #paused = true;
  #readEnded = false;
  #closed = false;
  #error: Error | null = null;

  /** @param socket not reading @param handle the socket's @param head bytes that were read before */
  constructor(
    socket: Socket,
    handle: StreamHandle,
    native: NativeStreams,
    buffers: ReadBuffers,
    head: Buffer | undefined,
  ) {
    this.socket = socket;
    this.handle = handle;
    this.native = native;
    this.buffers = buffers;
    this.slot = new SinkSlot(head);
    prepareSocket(socket);
    handle.readStop();
    handle.reading = false;
    handle.useUserBuffer(buffers.shared);
    handle.onread = () => this.#onread();
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('finish', () => this.#closeIfDone());
    socket.on('close', () => {
      this.#closed = true;
      this.writeEnded = true;
      this.slot.close(this.#error);
    });
  }

  get closed(): boolean {
    return this.#closed || this.socket.destroyed;
  }

  setSink(sink: TransportSink | null): void {
    this.slot.sink = sink;
    if (sink !== null) this.#deliverSoon();
  }

  abstract write(chunk: Uint8Array): boolean;

  abstract writeCopy(chunk: Uint8Array): boolean;

  abstract end(): void;

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#stopReading();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.slot.hasWaiting) this.#deliverSoon();
    else this.#startReading();
  }

  release(): void {
    if (this.#kept === null) return;
    this.buffers.give(this.#kept);
    this.#kept = null;
  }

  lull(): void {
    this.#smallReads = SMALL_READS;
  }

  destroy(): void {
    this.writeEnded = true;
    this.socket.destroy();
  }

  reset(): void {
    this.writeEnded = true;
    resetSocket(this.socket, this.carrier);
  }

  /** The connection below TLS. */
  protected get carrier(): Socket {
    return this.socket;
  }

  #onread(): Buffer | undefined {
    const length = this.native.readResult();
    if (length <= 0) {
      if (length < 0) this.#readFailed(length);
      return undefined;
    }
    return this.#own === null ? this.#readShared(length) : this.#readOwn(this.#own, length);
  }

  /** @returns the buffer for the next read if it is another one; as all that `onread` calls */
  #readShared(length: number): Buffer | undefined {
    if (length <= SMALL_BYTES) {
      this.#received(this.buffers.sharedView(length), 'fleeting');
      return undefined;
    }
    this.#smallReads = 0;
    this.#received(Buffer.from(this.buffers.shared.subarray(0, length)), 'owned');
    if (this.#smallReads === SMALL_READS) return undefined;
    this.#own = this.buffers.take();
    return this.#own;
  }

  #readOwn(own: Buffer, length: number): Buffer | undefined {
    this.#smallReads = length > SMALL_BYTES ? 0 : this.#smallReads + 1;
    const kept = this.#received(own.subarray(0, length), 'lent');
    const bulkIsOver = this.#smallReads >= SMALL_READS;
    if (!kept && !bulkIsOver) return undefined;
    if (kept) this.#kept = own;
    else this.buffers.give(own);
    this.#own = bulkIsOver ? null : this.buffers.take();
    return this.#own ?? this.buffers.shared;
  }

  #received(chunk: Buffer, tenure: 'owned' | 'lent' | 'fleeting'): boolean {
    const { sink } = this.slot;
    // one read over TLS can bring several records, the later ones after the sink has paused us
    if (sink !== null && !this.#paused && !this.slot.hasWaiting) return sink.data(chunk, tenure);
    this.slot.keep(tenure === 'owned' ? chunk : Buffer.from(chunk));
    this.#stopReading();
    return false;
  }

  #readFailed(error: number): void {
    this.#stopReading();
    if (error === END_OF_FILE) this.peerEnded();
    else this.#fail(systemError('read', error));
  }

  protected peerEnded(): void {
    this.#readEnded = true;
    // a peer that cut us off in mid-write has not ended in order
    if (this.#error !== null) this.destroy();
    else {
      this.slot.end();
      this.#closeIfDone();
    }
  }

  /**
   * The peer takes nothing more, but what it sent before may say why: reading goes on to its end, if it is going on.
   */
  protected writeFailed(error: number): void {
    if (this.closed) return;
    this.writeEnded = true;
    this.#error ??= systemError('write', error);
    if (this.#paused || this.#readEnded) this.destroy();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.destroy();
  }

  #closeIfDone(): void {
    if (this.#readEnded && this.socket.writableFinished) this.destroy();
  }

  #startReading(): void {
    if (this.handle.reading || this.#readEnded || this.closed) return;
    this.handle.reading = true;
    const error = this.handle.readStart();
    if (error !== 0) this.#fail(systemError('read', error));
  }

  #stopReading(): void {
    if (!this.handle.reading || this.closed) return;
    this.handle.reading = false;
    this.handle.readStop();
  }

  /** Kept events are delivered after the caller's own work, as if they happened then. */
  #deliverSoon(): void {
    process.nextTick(() => {
      this.slot.deliver(() => !this.#paused);
      if (!this.#paused && !this.slot.hasWaiting) this.#startReading();
    });
  }
}

function systemError(call: string, error: number): Error {
  const code = getSystemErrorName(error);
  return Object.assign(new Error(`${call} ${code}`), { code, errno: error, syscall: call });
}
