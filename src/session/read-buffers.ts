/** Large enough that a bulk read costs little per byte, small enough to stay in a processor's cache. */
const BUFFER_BYTES = 64 * 1024;

/** How many buffers wait for the next direction that turns to bulk; more than that go to the garbage collector. */
const SPARE_BUFFERS = 32;

/**
 * The memory that connections of one process read into. Small reads of all connections share one buffer, so an idle
 * connection owns none; a connection in the middle of a bulk transfer takes one of its own and gives it back afterwards.
 */
export class ReadBuffers {
  /** For small reads. Its content is lost with the next read of any connection. */
  readonly shared = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #spare: Buffer[] = [];
  #slab = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #slabUsed = 0;

  /** The first `length` bytes of the shared buffer, copied to where nothing else is ever written. */
  copyOut(length: number): Buffer {
    if (this.#slabUsed + length > BUFFER_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(BUFFER_BYTES);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += length;
    this.shared.copy(this.#slab, start, 0, length);
    return this.#slab.subarray(start, start + length);
  }

  /** A buffer for the caller alone, with old bytes in it. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }

  /** Neither the caller nor anything that `buffer` was written to looks at it any more. */
  give(buffer: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer);
  }
}
