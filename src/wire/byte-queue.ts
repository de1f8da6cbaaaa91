const SMALLEST_CAPACITY = 512;
const NOTHING = Buffer.alloc(0);

/**
 * Bytes waiting to be parsed. Grows by doubling, so that a message that comes byte by byte costs linear time, and gives
 * its memory back when empty.
 */
export class ByteQueue {
  #bytes: Buffer = NOTHING;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies the chunk in. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** @returns the byte at `offset`, which must be below `length` */
  byteAt(offset: number): number {
    return this.#bytes.readUInt8(this.#start + offset);
  }

  /** @returns the four bytes at `offset` as a signed number, as the protocol's Int32 is */
  int32At(offset: number): number {
    return this.#bytes.readInt32BE(this.#start + offset);
  }

  /** Takes `count` bytes (at most `length`) out. The result is the caller's own: nothing writes to it later. */
  take(count: number): Buffer {
    if (count === 0) return NOTHING;
    const taken = Buffer.from(this.#bytes.subarray(this.#start, this.#start + count));
    this.#start += taken.length;
    if (this.#start === this.#end) this.#clear();
    return taken;
  }

  takeAll(): Buffer {
    return this.take(this.length);
  }

  #makeRoom(count: number): void {
    const needed = this.length + count;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.length, SMALLEST_CAPACITY));
    this.#bytes.copy(grown, 0, this.#start, this.#end);
    this.#bytes = grown;
    this.#end = this.length;
    this.#start = 0;
  }

  #clear(): void {
    this.#bytes = NOTHING;
    this.#start = 0;
    this.#end = 0;
  }
}
