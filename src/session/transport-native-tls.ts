import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { NativeStreams, StreamHandle } from './native-streams.ts';
import type { ReadBuffers } from './read-buffers.ts';
import { HandleTransport } from './transport-handle.ts';

/** What is written at once up to here may be followed by more while the kernel takes it. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * A connection over TLS by its handle. What is written is encrypted at once, so no chunk is looked at again. But the handle
 * takes one write at a time, and ends the process if it is given a second: that waits here until the kernel has all of the
 * first.
 */
export class NativeTlsTransport extends HandleTransport {
  readonly encrypted = true;
  readonly #done = (status: number): void => this.#written(status);
  readonly #carrier: Socket;
  #writing = false;
  #writingBytes = 0;
  #waiting: Uint8Array[] = [];
  /** Somebody was told to wait. */
  #drainDue = false;
  #ending = false;

  /**
   * @param socket not reading, with nothing left to write
   * @param handle the socket's
   * @param head bytes that were read before
   * @param carrier the connection below
   */
  constructor(
    socket: TLSSocket,
    handle: StreamHandle,
    native: NativeStreams,
    buffers: ReadBuffers,
    head: Buffer | undefined,
    carrier: Socket,
  ) {
    super(socket, handle, native, buffers, head);
    this.#carrier = carrier;
    // an end that came before the handle was taken over; the handle says it once
    socket.on('end', () => this.peerEnded());
    if (socket.readableEnded) this.peerEnded();
  }

  get queuedBytes(): number {
    if (!this.#writing) return 0;
    return this.#waiting.reduce((sum, { length }) => sum + length, this.#writingBytes);
  }

  write(chunk: Uint8Array): boolean {
    if (this.writeEnded || chunk.length === 0) return true;
    if (this.#writing) this.#waiting.push(chunk);
    else this.#encrypt(chunk);
    this.#drainDue = this.#waiting.length > 0 || (this.#writing && chunk.length > HIGH_WATER_BYTES);
    return !this.#drainDue;
  }

  writeCopy(chunk: Uint8Array): boolean {
    return this.write(this.#writing ? Buffer.from(chunk) : chunk);
  }

  /** close_notify would overtake what is still being written. */
  end(): void {
    this.writeEnded = true;
    if (this.closed) return;
    if (this.#writing) this.#ending = true;
    else this.socket.end();
  }

  protected override get carrier(): Socket {
    return this.#carrier;
  }

  #encrypt(chunk: Uint8Array): void {
    this.#writing = true;
    this.#writingBytes = chunk.length;
    const error = this.native.encrypt(this.handle, chunk, this.#done);
    if (error === 0) return;
    this.#writing = false;
    this.writeFailed(error);
  }

  #written(status: number): void {
    this.#writing = false;
    if (status < 0) {
      this.#waiting = [];
      this.writeFailed(status);
      return;
    }
    if (this.closed) return;
    const [first, ...more] = this.#waiting;
    if (first !== undefined) {
      this.#waiting = [];
      this.#encrypt(more.length === 0 ? first : Buffer.concat([first, ...more]));
    } else if (this.#ending) this.socket.end();
    if (!this.#drainDue) return;
    this.#drainDue = false;
    this.slot.drain();
  }
}
