import type { Malformed } from './malformed.ts';

/** Reads the fields of one whole message in order; whatever does not fit is the error that `malformed` makes. */
export class PacketCursor {
  readonly #bytes: Buffer;
  readonly #malformed: Malformed;
  #at = 0;

  constructor(bytes: Buffer, malformed: Malformed) {
    this.#bytes = bytes;
    this.#malformed = malformed;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  byte(what: string): number {
    this.#need(1, what);
    return this.#bytes.readUInt8(this.#at++);
  }

  int16(what: string): number {
    this.#need(2, what);
    const value = this.#bytes.readInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  int32(what: string): number {
    this.#need(4, what);
    const value = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  /** A NUL-terminated string, without the NUL. */
  cString(what: string): Buffer {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw this.#malformed(`${what} is not terminated`);
    const value = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return value;
  }

  take(count: number, what: string): Buffer {
    this.#need(count, what);
    const value = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return value;
  }

  rest(): Buffer {
    return this.take(this.remaining, 'rest');
  }

  /** Fails when bytes are left over. */
  end(what: string): void {
    if (this.remaining > 0) throw this.#malformed(`${what} has ${this.remaining} bytes too many`);
  }

  #need(count: number, what: string): void {
    if (count < 0 || this.remaining < count) throw this.#malformed(`${what} is cut short`);
  }
}
