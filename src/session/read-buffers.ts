/** Large enough that a bulk read costs little per byte, small enough to stay in a processor's cache. */
const BUFFER_BYTES = 64 * 1024;

/** How many buffers wait for the next direction that turns to bulk; more than that go to the garbage collector. */
const SPARE_BUFFERS = 32;

/**
 * The memory that connections of one process read into. Small reads of all connections share one buffer, so an idle
 * connection owns none; a connection in the middle of a bulk transfer takes one of its own and gives it back afterwards.
 */
export interface ReadBuffers {
  /** For small reads. Its content is lost with the next read of any connection: copy out before writing it anywhere. */
  readonly shared: Buffer;
  /** A buffer of the caller's own, with old bytes in it. */
  take(): Buffer;
  /** The caller, and whatever it was written to, no longer look at `buffer`. */
  give(buffer: Buffer): void;
}

export function createReadBuffers(): ReadBuffers {
  const spare: Buffer[] = [];
  return {
    shared: Buffer.allocUnsafeSlow(BUFFER_BYTES),
    take: () => spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES),
    give(buffer) {
      if (spare.length < SPARE_BUFFERS) spare.push(buffer);
    },
  };
}
