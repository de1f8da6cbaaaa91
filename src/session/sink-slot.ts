import type { TransportSink } from '../wire/transport.ts';

/**
 * The place of a transport's sink. While it is empty, or while bytes that were read earlier still wait, what happens is
 * kept, so that the next sink sees everything in order. That the peer ended or that the connection is gone stays true: each
 * sink is told, also one that comes after another was.
 */
export class SinkSlot {
  #sink: TransportSink | null = null;
  readonly #waiting: Buffer[] = [];
  #ended = false;
  #closed: { readonly error: Error | null } | null = null;
  /** Of the present sink. */
  #toldEnd = false;
  #toldClose = false;

  /** @param head bytes that were read before the transport was made */
  constructor(head?: Buffer) {
    if (head !== undefined && head.length > 0) this.#waiting.push(head);
  }

  get sink(): TransportSink | null {
    return this.#sink;
  }

  set sink(sink: TransportSink | null) {
    this.#sink = sink;
    this.#toldEnd = false;
    this.#toldClose = false;
  }

  /** Whether bytes wait that must reach a sink before anything newly read. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Keeps bytes that nobody could take. @param chunk never changed afterwards */
  keep(chunk: Buffer): void {
    this.#waiting.push(chunk);
  }

  /** Hands waiting bytes to the sink for as long as `flowing` says so; then tells of an end and a close. */
  deliver(flowing: () => boolean): void {
    while (this.#sink !== null && flowing()) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) break;
      this.#sink.data(chunk, 'owned');
    }
    this.#tell();
  }

  end(): void {
    this.#ended = true;
    this.#tell();
  }

  drain(): void {
    this.#sink?.drain();
  }

  close(error: Error | null): void {
    this.#closed = { error };
    this.#tell();
  }

  #tell(): void {
    const sink = this.#sink;
    if (sink === null || this.hasWaiting) return;
    if (this.#ended && !this.#toldEnd) {
      this.#toldEnd = true;
      sink.end();
      // a sink that it put in its place is told in its own time
      if (this.#sink !== sink) return;
    }
    if (this.#closed !== null && !this.#toldClose) {
      this.#toldClose = true;
      sink.close(this.#closed.error);
    }
  }
}
