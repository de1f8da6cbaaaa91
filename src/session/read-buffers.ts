/** Large enough that a bulk read costs little per byte, small enough to stay in a processor's cache. */
const BUFFER_BYTES = 64 * 1024;

/** What is read or written at once up to here counts as small. */
export const SMALL_BYTES = 4096;

/** How many buffers wait for the next direction that turns to bulk; more than that go to the garbage collector. */
const SPARE_BUFFERS = 32;

/**
 * The memory that the plain connections of one process read into and write from. Small reads of all connections share one
 * buffer, so an idle connection owns none; a connection in the middle of a bulk transfer takes one of its own and gives it
 * back afterwards.
 */
export class ReadBuffers {
  /** What is read into it is lost with the next read of any connection. */
  readonly shared = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #sharedViews: Buffer[] = [];
  #stage = Buffer.allocUnsafeSlow(SMALL_BYTES);
  #stageViews: Buffer[] = [];
  readonly #spare: Buffer[] = [];

  /** The first `length` bytes of the shared buffer; at most SMALL_BYTES. Views are made once for each length. */
  sharedView(length: number): Buffer {
    return (this.#sharedViews[length] ??= this.shared.subarray(0, length));
  }

  /**
   * A copy of `chunk`, at most SMALL_BYTES, good for a write that is tried at once: the next call writes over it, unless
   * `loseStaged` was called before.
   */
  staged(chunk: Uint8Array): Buffer {
    const { length } = chunk;
    this.#stage.set(chunk);
    return (this.#stageViews[length] ??= this.#stage.subarray(0, length));
  }

  /** What `staged` gave last is still needed: nothing is written over it any more. */
  loseStaged(): void {
    this.#stage = Buffer.allocUnsafeSlow(SMALL_BYTES);
    this.#stageViews = [];
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
