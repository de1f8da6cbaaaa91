import { QUEUED } from './native-streams.ts';
import { SMALL_BYTES } from './read-buffers.ts';
import { HandleTransport } from './transport-handle.ts';

/** A connection in the clear by its handle: the kernel takes what is written at once, or the chunk waits where it is. */
export class NativeTransport extends HandleTransport {
  readonly encrypted = false;
  readonly #done = (status: number): void => this.#written(status);
  #queuedWrites = 0;

  get queuedBytes(): number {
    return this.#queuedWrites === 0 ? 0 : this.handle.writeQueueSize;
  }

  write(chunk: Uint8Array): boolean {
    if (this.writeEnded) return true;
    const result = this.native.write(this.handle, chunk, this.#done);
    if (result === 0) return this.#queuedWrites === 0;
    return this.#notTaken(result);
  }

  writeCopy(chunk: Uint8Array): boolean {
    if (chunk.length > SMALL_BYTES) return this.write(Buffer.from(chunk));
    if (this.writeEnded) return true;
    const result = this.native.write(this.handle, this.buffers.staged(chunk), this.#done);
    if (result === 0) return this.#queuedWrites === 0;
    this.buffers.loseStaged();
    return this.#notTaken(result);
  }

  end(): void {
    this.writeEnded = true;
    if (!this.closed) this.socket.end();
  }

  #notTaken(result: number): boolean {
    if (result === QUEUED) {
      this.#queuedWrites++;
      return false;
    }
    this.writeFailed(result);
    return true;
  }

  /** A queued write is over. */
  #written(status: number): void {
    this.#queuedWrites--;
    if (status < 0) this.writeFailed(status);
    else if (this.#queuedWrites === 0 && !this.closed) this.slot.drain();
  }
}
