import { encodeBackend, type BackendMessage } from '../../wire/backend.ts';
import type { PipeEnd } from '../../wire/pipe.ts';
import { encodeResult, type ResultMessage } from '../../wire/result-messages.ts';

/** The client is gone: what still runs for it may stop. */
export class ClientGone extends Error {
  constructor() {
    super('the client is gone');
    this.name = 'ClientGone';
  }
}

const FLUSH_AT_BYTES = 32_768;

/** What is said to the client, gathered into few writes. */
export class Output {
  readonly #pipe: PipeEnd;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(pipe: PipeEnd) {
    this.#pipe = pipe;
  }

  say(message: BackendMessage): void {
    this.#hold(encodeBackend(message));
  }

  result(message: ResultMessage): void {
    this.#hold(encodeResult(message));
  }

  /** A pause for readers that are slower than we are; holds little back. @throws ClientGone */
  async breathe(): Promise<void> {
    if (this.#heldBytes >= FLUSH_AT_BYTES) await this.flush();
  }

  /** @throws ClientGone */
  async flush(): Promise<void> {
    if (this.#heldBytes > 0) {
      const bytes = Buffer.concat(this.#held, this.#heldBytes);
      this.#held = [];
      this.#heldBytes = 0;
      this.#pipe.write(bytes);
    }
    await this.#pipe.drained();
    if (this.#pipe.closed) throw new ClientGone();
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }
}
