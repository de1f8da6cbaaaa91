import { GatewayError } from '../core/errors.ts';
import { decodeBackend, type EngineMessage } from '../wire/backend-decode.ts';
import { frame } from '../wire/frame.ts';
import { MessageReader, type Message } from '../wire/message-reader.ts';
import type { Transport } from '../wire/transport.ts';
import { EngineRefused, protocolBroken, unreachable } from './engine-errors.ts';
import type { GreetingFrame } from './greeting.ts';

/** libpq takes an ErrorResponse over 30,000 bytes for nonsense (fe-connect.c, MAX_ERRLEN); nothing before login is longer. */
const MAX_LENGTH = 30_000;

/** A greeting is kept for as long as its session: real ones have a kilobyte or two. */
const MAX_GREETING = 256 * 1024;

/** What is left for the caller once errors, notices and version talk are dealt with. */
export type LoginMessage = Exclude<
  EngineMessage,
  { kind: 'errorResponse' | 'noticeResponse' | 'negotiateProtocolVersion' }
>;

/** Reads an engine's side of the hand-shake, and keeps the frames that the client is to see later. */
export class EngineReader {
  /** ParameterStatus and NoticeResponse frames as they came. */
  readonly greeting: GreetingFrame[] = [];
  readonly #engine: string;
  readonly #reader: MessageReader;
  #kept = 0;

  constructor(engine: string, transport: Transport, signal: AbortSignal) {
    this.#engine = engine;
    this.#reader = new MessageReader(transport, {
      maxLength: MAX_LENGTH,
      deadline: signal,
      malformed: (detail) => this.malformed(detail),
    });
  }

  /**
   * @throws EngineRefused for an ErrorResponse; GatewayError engine.unreachable when the engine is gone, engine.protocol for
   *   nonsense; the signal's reason
   */
  async next(): Promise<LoginMessage> {
    for (;;) {
      const raw = await this.#reader.next();
      if (raw === null) throw unreachable(this.#engine, 'the connection ended before the session was ready');
      const message = this.#decode(raw);
      switch (message.kind) {
        case 'errorResponse':
          throw new EngineRefused(this.#engine, message.fields, frame(raw.type, raw.body));
        case 'negotiateProtocolVersion':
          // Protocol 3.0 without options was asked for, which is the least there is: nothing is left to negotiate.
          throw this.malformed('NegotiateProtocolVersion in answer to protocol 3.0');
        case 'noticeResponse':
          this.#keep(null, raw);
          break;
        case 'parameterStatus':
          this.#keep(message.name, raw);
          return message;
        default:
          return message;
      }
    }
  }

  /** Bytes that came behind the last message; the transport is free for another sink then. */
  release(): Buffer {
    return this.#reader.release();
  }

  malformed(detail: string): GatewayError {
    return protocolBroken(this.#engine, detail);
  }

  #keep(name: string | null, { type, body }: Message): void {
    this.#kept += body.length;
    if (this.#kept > MAX_GREETING) throw this.malformed('a greeting without an end');
    this.greeting.push({ name, frame: frame(type, body) });
  }

  #decode(raw: Message): EngineMessage {
    try {
      return decodeBackend(raw);
    } catch (error) {
      throw error instanceof GatewayError ? this.malformed(error.message) : error;
    }
  }
}
