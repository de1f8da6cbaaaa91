import { GatewayError } from '../core/errors.ts';
import { ByteQueue } from './byte-queue.ts';
import { clientMalformed, loginTimedOut, type Malformed } from './malformed.ts';
import type { Transport, TransportSink } from './transport.ts';

/** One message that has a type byte: everything but start-up packets. */
export interface Message {
  /** First byte, as in the chapter "Message Formats". */
  readonly type: number;
  /** Without type byte and length word. */
  readonly body: Buffer;
}

export interface MessageReaderOptions {
  /** Largest length word (which counts itself, not the type byte) to accept. Checked before the message is buffered. */
  readonly maxLength: number;
  /** The error for bytes that are no message; the client's fault (08P01) when left out. */
  readonly malformed?: Malformed;
  /** Once aborted, every `next` fails: with the signal's reason if that is a GatewayError, else with `wire.timeout`. */
  readonly deadline?: AbortSignal;
}

export interface NextOptions {
  readonly maxLength?: number;
}

interface Waiting {
  /** Tries to finish with what has arrived: true when settled. */
  attempt(): boolean;
  fail(error: Error): void;
}

/**
 * Reads whole messages from a transport during the hand-shake, one at a time. Reads from the peer only while someone waits
 * for a message, so that a peer who has not logged in makes us hold the message being read and one chunk at most.
 */
export class MessageReader implements TransportSink {
  readonly #transport: Transport;
  readonly #maxLength: number;
  readonly #malformed: Malformed;
  readonly #deadline: AbortSignal | null;
  readonly #held = new ByteQueue();
  #waiting: Waiting | null = null;
  #ended = false;
  #released = false;

  /** Makes itself the transport's sink. */
  constructor(transport: Transport, options: MessageReaderOptions) {
    this.#transport = transport;
    this.#maxLength = options.maxLength;
    this.#malformed = options.malformed ?? clientMalformed;
    this.#deadline = options.deadline ?? null;
    transport.pause();
    transport.setSink(this);
  }

  /**
   * The next whole message, or null when the peer closed between messages.
   * @throws GatewayError `wire.malformed` (or as the options say) for a bad length or a message cut off by the end,
   *   `wire.timeout` after the deadline
   */
  next(options?: NextOptions): Promise<Message | null> {
    return this.#read(1, options, (held, length) => {
      const frame = held.take(1 + length);
      return { type: frame.readUInt8(0), body: frame.subarray(5) };
    });
  }

  /** The next packet that has no type byte, without its length word; else as `next`. */
  nextUntyped(options?: NextOptions): Promise<Buffer | null> {
    return this.#read(0, options, (held, length) => held.take(length).subarray(4));
  }

  /** True when the peer will send nothing more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes that have arrived and were not asked for yet. */
  get buffered(): number {
    return this.#held.length;
  }

  /**
   * Stops being the transport's sink and leaves it paused. Not while a `next` is pending.
   * @returns the bytes that were not consumed; the next reader of the transport must treat them as arrived first
   */
  release(): Buffer {
    if (this.#waiting !== null) throw new Error('MessageReader.release() while a message is awaited');
    this.#released = true;
    this.#transport.setSink(null);
    return this.#held.takeAll();
  }

  data(chunk: Buffer): boolean {
    this.#held.push(chunk);
    this.#advance();
    return false;
  }

  end(): void {
    this.#ended = true;
    this.#advance();
  }

  close(): void {
    this.end();
  }

  drain(): void {
    // The hand-shake writes a few small messages and waits for the answer to each: there is nothing to hold back.
  }

  #advance(): void {
    if (this.#waiting?.attempt() === true || this.#waiting === null) this.#transport.pause();
  }

  #read<T>(
    prefix: number,
    options: NextOptions | undefined,
    cut: (held: ByteQueue, length: number) => T,
  ): Promise<T | null> {
    if (this.#waiting !== null || this.#released) {
      return Promise.reject(new Error('MessageReader: one message at a time, and none after release()'));
    }
    const maxLength = options?.maxLength ?? this.#maxLength;
    return new Promise<T | null>((resolve, reject) => {
      const settle = (finish: () => void): void => {
        this.#waiting = null;
        this.#deadline?.removeEventListener('abort', onDeadline);
        finish();
      };
      const onDeadline = (): void => {
        this.#transport.pause();
        settle(() => reject(deadlineError(this.#deadline)));
      };
      const waiting: Waiting = {
        attempt: () => {
          const length = this.#wholeLength(prefix, maxLength);
          if (length === null) return false;
          if (length instanceof Error) waiting.fail(length);
          else settle(() => resolve(length === 0 ? null : cut(this.#held, length)));
          return true;
        },
        fail: (error) => settle(() => reject(error)),
      };
      this.#waiting = waiting;
      if (this.#deadline?.aborted === true) onDeadline();
      else if (!waiting.attempt()) {
        this.#deadline?.addEventListener('abort', onDeadline);
        this.#transport.resume();
      }
    });
  }

  /** The length word of the next message once all of it is here; 0 for a clean end; null to wait for more. */
  #wholeLength(prefix: number, maxLength: number): number | GatewayError | null {
    const header = prefix + 4;
    if (this.#held.length >= header) {
      const length = this.#held.int32At(prefix);
      if (length < 4) return this.#malformed(`invalid message length ${length}`);
      if (length > maxLength) {
        return this.#malformed(`message of ${length} bytes is longer than the ${maxLength} allowed here`);
      }
      if (this.#held.length >= prefix + length) return length;
    }
    if (!this.#ended) return null;
    return this.#held.length === 0 ? 0 : this.#malformed('the connection ended inside a message');
  }
}

function deadlineError(deadline: AbortSignal | null): GatewayError {
  const reason: unknown = deadline?.reason;
  return reason instanceof GatewayError ? reason : loginTimedOut();
}
