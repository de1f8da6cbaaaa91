import type { TransportSink } from '../wire/transport.ts';

/**
 * The place of a transport's sink. While it is empty, or while bytes that were read earlier still wait, what happens is
 * kept, so that the next sink sees everything in order.
 */
export class SinkSlot {
  #sink: TransportSink | null = null;
  readonly #waiting: Buffer[] = [];
  #endKept = false;
  #closeKept: { readonly error: Error | null } | null = null;

  /** @param head bytes that were read before the transport was made */
  constructor(head?: Buffer) {
    if (head !== undefined && head.length > 0) this.#waiting.push(head);
  }

  get sink(): TransportSink | null {
    return this.#sink;
  }

  set sink(sink: TransportSink | null) {
    this.#sink = sink;
  }

  /** Whether bytes wait that must reach a sink before anything newly read. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Keeps bytes that nobody could take. @param chunk never changed afterwards */
  keep(chunk: Buffer): void {
    this.#waiting.push(chunk);
  }

  /** Hands waiting bytes, then a kept end and close, to the sink for as long as `flowing` says so. */
  deliver(flowing: () => boolean): void {
    while (this.#sink !== null && flowing()) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) break;
      this.#sink.data(chunk, 'owned');
    }
    this.#deliverKept();
  }

  end(): void {
    this.#endKept = true;
    this.#deliverKept();
  }

  drain(): void {
    this.#sink?.drain();
  }

  close(error: Error | null): void {
    this.#closeKept = { error };
    this.#deliverKept();
  }

  #deliverKept(): void {
    if (this.#endKept && this.#sink !== null && !this.hasWaiting) {
      this.#endKept = false;
      this.#sink.end();
    }
    if (this.#closeKept !== null && this.#sink !== null && !this.hasWaiting) {
      const { error } = this.#closeKept;
      this.#closeKept = null;
      this.#sink.close(error);
    }
  }
}
