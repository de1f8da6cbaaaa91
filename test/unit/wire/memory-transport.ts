import type { Transport, TransportSink } from '../../../src/wire/transport.ts';

/** A transport whose peer is the test: what it feeds arrives while the transport is resumed, in the order it was fed. */
export class MemoryTransport implements Transport {
  readonly encrypted = false;
  readonly writesAtOnce = true;
  readonly queuedBytes = 0;
  closed = false;
  ended = false;
  destroyed = false;
  paused = true;
  sink: TransportSink | null = null;
  readonly written: Buffer[] = [];
  readonly #events: ((sink: TransportSink) => void)[] = [];

  /** Bytes from the peer; the chunk is overwritten after it was delivered, as a read buffer that is used again would be. */
  feed(bytes: Uint8Array): void {
    this.#happen((sink) => {
      const chunk = Buffer.from(bytes);
      if (sink.data(chunk, 'fleeting')) throw new Error('kept a chunk that it does not own');
      chunk.fill(0xee);
    });
  }

  feedEnd(): void {
    this.#happen((sink) => sink.end());
  }

  feedClose(error: Error | null): void {
    this.closed = true;
    this.#happen((sink) => sink.close(error));
  }

  /** How many chunks and events have not been delivered. */
  get waiting(): number {
    return this.#events.length;
  }

  setSink(sink: TransportSink | null): void {
    this.sink = sink;
  }

  write(chunk: Uint8Array): boolean {
    this.written.push(Buffer.from(chunk));
    return true;
  }

  writeCopy(chunk: Uint8Array): boolean {
    return this.write(chunk);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#deliver();
  }

  release(): void {
    // it never reads on while a sink keeps a chunk
  }

  lull(): void {
    // it holds no buffer
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
    this.closed = true;
  }

  reset(): void {
    this.destroy();
  }

  #happen(event: (sink: TransportSink) => void): void {
    this.#events.push(event);
    this.#deliver();
  }

  #deliver(): void {
    while (!this.paused && this.sink !== null) {
      const event = this.#events.shift();
      if (event === undefined) return;
      event(this.sink);
    }
  }
}
