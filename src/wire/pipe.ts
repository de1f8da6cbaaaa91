import type { Transport, TransportSink } from './transport.ts';

/** One end of a pipe. */
export interface PipeEnd extends Transport {
  /** Resolves when what was written has been taken, but for what a slow reader may leave waiting; at once after a close. */
  drained(): Promise<void>;
}

/** How much may wait in one direction before the writer should stop. */
const HIGH_WATER_BYTES = 65_536;

/**
 * Two transports within this process: what one writes the other reads, with the same back-pressure, half-closes and order of
 * events as between sockets. Nothing is delivered during the call that wrote it.
 */
export function createPipe(): readonly [PipeEnd, PipeEnd] {
  const near = new End();
  const far = new End();
  near.connect(far);
  far.connect(near);
  return [near, far];
}

class End implements PipeEnd {
  readonly encrypted = false;
  readonly writesAtOnce = false;
  closed = false;
  #peer: End = this;
  #sink: TransportSink | null = null;
  #paused = true;
  #scheduled = false;
  /** What has come and was not delivered. */
  readonly #incoming: Buffer[] = [];
  #incomingBytes = 0;
  #endCame = false;
  #endDelivered = false;
  #closeDelivered = false;
  /** A write answered false, and no drain was told since. */
  #owesDrain = false;
  #ended = false;
  readonly #waiting: (() => void)[] = [];

  connect(peer: End): void {
    this.#peer = peer;
  }

  get queuedBytes(): number {
    return this.#peer.#incomingBytes;
  }

  setSink(sink: TransportSink | null): void {
    this.#sink = sink;
    this.#schedule();
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed || this.#ended) return true;
    this.#peer.#take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (this.queuedBytes < HIGH_WATER_BYTES) return true;
    this.#owesDrain = true;
    return false;
  }

  writeCopy(chunk: Uint8Array): boolean {
    return this.write(Buffer.from(chunk));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  release(): void {
    // Chunks are never lent.
  }

  lull(): void {
    // There is no buffer to give back.
  }

  end(): void {
    if (this.#ended || this.closed) return;
    this.#ended = true;
    this.#peer.#endCame = true;
    this.#peer.#schedule();
  }

  destroy(): void {
    if (this.closed) return;
    this.#incoming.length = 0;
    this.#incomingBytes = 0;
    this.#close();
    this.#peer.#close();
  }

  reset(): void {
    this.destroy();
  }

  drained(): Promise<void> {
    if (this.closed || this.queuedBytes < HIGH_WATER_BYTES) return Promise.resolve();
    this.#owesDrain = true;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#incoming.push(chunk);
    this.#incomingBytes += chunk.length;
    this.#schedule();
  }

  #close(): void {
    this.closed = true;
    this.#owesDrain = false;
    this.#release();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#sink === null) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (!this.#paused && this.#sink !== null) {
      const chunk = this.#incoming.shift();
      if (chunk === undefined) break;
      this.#incomingBytes -= chunk.length;
      this.#sink.data(chunk, 'owned');
    }
    if (this.#incomingBytes < HIGH_WATER_BYTES) this.#peer.#drain();
    this.#deliverEnd();
  }

  /** As with a socket, both wait for the bytes before them. */
  #deliverEnd(): void {
    if (this.#endCame && !this.#endDelivered && this.#incoming.length === 0 && this.#sink !== null) {
      this.#endDelivered = true;
      this.#sink.end();
    }
    if (this.#ended && this.#endDelivered && !this.closed) this.destroy();
    this.#deliverClose();
  }

  #deliverClose(): void {
    if (!this.closed || this.#closeDelivered || this.#incoming.length > 0 || this.#sink === null) return;
    this.#closeDelivered = true;
    this.#sink.close(null);
  }

  #drain(): void {
    if (!this.#owesDrain) return;
    this.#owesDrain = false;
    this.#release();
    this.#sink?.drain();
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
