import type { OnReadOpts } from 'node:net';

import type { ReadBuffers } from './read-buffers.ts';

/** A read above this is taken for the beginning of a bulk transfer. */
const BULK_BYTES = 4096;

/** As many smaller reads in a row end it. */
const SMALL_READS = 8;

/** As `TransportSink.data`. */
export type TakeChunk = (chunk: Buffer, owned: boolean) => boolean;

/**
 * Decides where one connection's bytes are read to: small reads into the buffer that all connections share, from where they
 * are copied out; in bulk, into a buffer of its own that is passed on as it is.
 *
 * Nothing that a write may still need is ever read over: a chunk that the sink keeps is swapped for another buffer, and the
 * shared buffer's content is not handed out at all.
 */
export class BulkReader {
  /** For `net.Socket`. Node asks for the buffer once in the beginning, then after every read. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#own ?? this.#buffers.shared,
    callback: (length) => this.#read(length),
  };
  readonly #buffers: ReadBuffers;
  #take: TakeChunk = () => false;
  #own: Buffer | null = null;
  #kept: Buffer | null = null;
  #smallReads = 0;

  constructor(buffers: ReadBuffers) {
    this.#buffers = buffers;
  }

  /** Says who gets the bytes; before any can come. */
  deliverTo(take: TakeChunk): void {
    this.#take = take;
  }

  /** The sink is done with the chunk that it kept last. */
  release(): void {
    if (this.#kept === null) return;
    this.#buffers.give(this.#kept);
    this.#kept = null;
  }

  /** Within a read: the bulk transfer is over with it. */
  lull(): void {
    this.#smallReads = SMALL_READS;
  }

  #read(length: number): boolean {
    if (this.#own === null) this.#readShared(length);
    else this.#readOwn(this.#own, length);
    // the sink pauses by itself; false would only say it twice
    return true;
  }

  #readShared(length: number): void {
    this.#smallReads = length > BULK_BYTES ? 0 : SMALL_READS;
    this.#take(this.#buffers.copyOut(length), true);
    if (this.#smallReads < SMALL_READS) this.#own = this.#buffers.take();
  }

  #readOwn(own: Buffer, length: number): void {
    this.#smallReads = length > BULK_BYTES ? 0 : this.#smallReads + 1;
    if (this.#take(own.subarray(0, length), false)) {
      this.#kept = own;
      this.#own = this.#smallReads < SMALL_READS ? this.#buffers.take() : null;
    } else if (this.#smallReads >= SMALL_READS) {
      this.#own = null;
      this.#buffers.give(own);
    }
  }
}
