/** Reads a structure of TLS from front to back: RFC 8446, section 3. Once something is cut short all that follows is empty. */
export class Fields {
  #rest: Buffer;
  #whole = true;

  constructor(bytes: Buffer) {
    this.#rest = bytes;
  }

  /** Whether there is more to read. */
  get more(): boolean {
    return this.#rest.length > 0;
  }

  /** Whether all that was read was there. */
  get whole(): boolean {
    return this.#whole;
  }

  /** @param size in bytes; @returns an unsigned number */
  number(size: 1 | 2 | 3): number {
    const bytes = this.take(size);
    return bytes.length === 0 ? 0 : bytes.readUIntBE(0, size);
  }

  /** A vector after its length. @param size of the length, in bytes */
  vector(size: 1 | 2): Buffer {
    return this.take(this.number(size));
  }

  take(count: number): Buffer {
    if (count > this.#rest.length) {
      this.#whole = false;
      this.#rest = this.#rest.subarray(this.#rest.length);
      return this.#rest;
    }
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }
}
