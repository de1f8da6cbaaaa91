import { BACKEND } from '../wire/constants.ts';
import { frame } from '../wire/frame.ts';
import { encodeFrontend } from '../wire/frontend.ts';
import type { Transport, TransportSink } from '../wire/transport.ts';
import { reasonOf } from './deadline.ts';
import { protocolBroken, unreachable } from './engine-errors.ts';
import type { GreetingFrame } from './greeting.ts';

/** One message of an answer that is known beforehand. */
export interface Expected {
  readonly type: number;
  /** @returns what is wrong with the message, or null */
  readonly check?: (body: Buffer) => string | null;
}

export interface ExchangeOptions {
  readonly engine: string;
  /** Simple queries, a message each. */
  readonly statements: readonly string[];
  readonly expected: readonly Expected[];
  readonly signal: AbortSignal;
}

const HEADER = 5;
/** Answers are a few hundred bytes, but a parameter's value may be long. */
const MAX_LENGTH = 1_000_000;
/** NotificationResponse */
const NOTIFICATION_RESPONSE = 0x41;

/**
 * Sends simple queries in one write and reads the answers, which must be as expected. Runs once or twice for each login that
 * re-uses a session: so messages are taken apart as they arrive, without a promise for each.
 * @returns what the engine reported meanwhile; the transport is paused and without a sink
 * @throws GatewayError when an answer is another, or the signal's reason; the session is of no use then
 */
export function exchange(transport: Transport, options: ExchangeOptions): Promise<readonly GreetingFrame[]> {
  return new Promise((resolve, reject) => {
    const { engine, signal, statements } = options;
    const settle = (finish: () => void): void => {
      transport.pause();
      transport.setSink(null);
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onAbort = (): void => settle(() => reject(reasonOf(signal)));
    if (transport.closed) {
      reject(unreachable(engine, 'the connection is closed'));
      return;
    }
    signal.addEventListener('abort', onAbort);
    transport.setSink(
      new Answers(options, {
        done: (reported) => settle(() => resolve(reported)),
        failed: (error) => settle(() => reject(error)),
      }),
    );
    transport.write(Buffer.concat(statements.map((sql) => encodeFrontend({ kind: 'query', sql }))));
    transport.resume();
    if (signal.aborted) onAbort();
  });
}

interface Outcome {
  done(reported: readonly GreetingFrame[]): void;
  failed(error: Error): void;
}

class Answers implements TransportSink {
  readonly #options: ExchangeOptions;
  readonly #outcome: Outcome;
  readonly #reported: GreetingFrame[] = [];
  #held: Buffer = Buffer.alloc(0);
  #step = 0;

  constructor(options: ExchangeOptions, outcome: Outcome) {
    this.#options = options;
    this.#outcome = outcome;
  }

  data(chunk: Buffer): boolean {
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    const { engine, expected } = this.#options;
    const problem = this.#advance();
    if (problem !== null)
      this.#outcome.failed(protocolBroken(engine, `while a session was reset: ${problem}`));
    else if (this.#step === expected.length) this.#outcome.done(this.#reported);
    return false;
  }

  end(): void {
    this.#outcome.failed(unreachable(this.#options.engine, 'the connection ended while a session was reset'));
  }

  close(): void {
    this.end();
  }

  drain(): void {
    // A few hundred bytes were written: nothing is held back.
  }

  /** @returns what is wrong with what has arrived, or null */
  #advance(): string | null {
    let at = 0;
    let problem: string | null = null;
    while (problem === null && this.#held.length - at >= HEADER) {
      const length = this.#held.readInt32BE(at + 1);
      if (length < 4 || length > MAX_LENGTH) return `message length ${length}`;
      const end = at + 1 + length;
      if (end > this.#held.length) break;
      problem = this.#take(this.#held.readUInt8(at), this.#held.subarray(at + HEADER, end));
      at = end;
    }
    this.#held = this.#held.subarray(at);
    if (this.#step === this.#options.expected.length && this.#held.length > 0)
      return 'bytes behind the last answer';
    return problem;
  }

  #take(type: number, body: Buffer): string | null {
    const expected = this.#options.expected[this.#step];
    if (expected?.type === type) {
      this.#step += 1;
      return expected.check?.(body) ?? null;
    }
    if (type === BACKEND.noticeResponse || type === NOTIFICATION_RESPONSE) return null;
    if (type !== BACKEND.parameterStatus) return `unexpected message type 0x${type.toString(16)}`;
    const name = body.toString('utf8', 0, body.indexOf(0));
    this.#reported.push({ name, frame: frame(type, body) });
    return null;
  }
}
