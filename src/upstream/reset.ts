import type { GatewayError } from '../core/errors.ts';
import { BACKEND } from '../wire/constants.ts';
import { frame } from '../wire/frame.ts';
import { encodeFrontend } from '../wire/frontend.ts';
import { MessageReader, type Message } from '../wire/message-reader.ts';
import type { Transport } from '../wire/transport.ts';
import { protocolBroken } from './engine-errors.ts';
import type { Greeting, GreetingFrame } from './greeting.ts';

/** Answers to what is sent here are a few hundred bytes; a parameter's value may be long. */
const MAX_LENGTH = 1_000_000;

const COMMAND_COMPLETE = 0x43; // C
const DATA_ROW = 0x44; // D
const EMPTY_QUERY_RESPONSE = 0x49; // I
const NOTIFICATION_RESPONSE = 0x41; // A
const ROW_DESCRIPTION = 0x54; // T

/**
 * Before the releases of November 2024 (17.1, 16.5, 15.9; CVE-2024-10978), DISCARD ALL left `role` at "none" where a fresh
 * session has what ALTER ROLE … SET role or the start-up packet says.
 */
const RESETTING = ['DISCARD ALL', 'RESET ROLE'] as const;

export interface ResetOptions {
  readonly engine: string;
  readonly greeting: Greeting;
  /** Whether the engine may have reported parameters that nobody here has seen. */
  readonly refreshParameters: boolean;
  readonly signal: AbortSignal;
}

/**
 * Brings a session back to where it was after its login. Only utility statements are sent: whatever needs a function or an
 * operator would be looked up in a search_path that the client has chosen (CVE-2025-12819).
 * @returns the greeting of a fresh session
 * @throws when the engine answers anything but success; the session is then of no use
 */
export async function resetSession(transport: Transport, options: ResetOptions): Promise<Greeting> {
  const names = options.refreshParameters ? options.greeting.names : [];
  const conversation = new Conversation(transport, options.engine, options.signal);
  const shows = names.map((name) => `SHOW ${quoted(name)}`);
  // One statement each: DISCARD ALL may not share a message with another.
  conversation.send([...RESETTING, ...(shows.length === 0 ? [] : [shows.join(';')])]);
  for (const statement of RESETTING) await conversation.completed(statement.replace(/ ROLE$/, ''));
  const shown = shows.length === 0 ? [] : await conversation.rows(names.length);
  const changes = conversation.finish();
  const values = shown.map((value, index) => parameterStatus(names[index] ?? '', value));
  return options.greeting.with([...changes, ...values]);
}

/**
 * One round trip that changes nothing.
 * @throws when the engine does not answer it as it should
 */
export async function probeSession(transport: Transport, engine: string, signal: AbortSignal): Promise<void> {
  const conversation = new Conversation(transport, engine, signal);
  conversation.send(['']);
  await conversation.empty();
  conversation.finish();
}

function quoted(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
}

function parameterStatus(name: string, value: Buffer): GreetingFrame {
  const nul = Buffer.of(0);
  return { name, frame: frame(BACKEND.parameterStatus, Buffer.from(name), nul, value, nul) };
}

/** Simple queries whose answers are known beforehand. */
class Conversation {
  readonly #transport: Transport;
  readonly #engine: string;
  readonly #reader: MessageReader;
  readonly #changes: GreetingFrame[] = [];

  constructor(transport: Transport, engine: string, signal: AbortSignal) {
    this.#transport = transport;
    this.#engine = engine;
    this.#reader = new MessageReader(transport, { maxLength: MAX_LENGTH, deadline: signal });
  }

  send(statements: readonly string[]): void {
    this.#transport.write(Buffer.concat(statements.map((sql) => encodeFrontend({ kind: 'query', sql }))));
  }

  async completed(tag: string): Promise<void> {
    await this.#complete(tag);
    await this.#ready();
  }

  async empty(): Promise<void> {
    await this.#expect(EMPTY_QUERY_RESPONSE);
    await this.#ready();
  }

  /** The only value of each of `count` results of one row. */
  async rows(count: number): Promise<Buffer[]> {
    const values: Buffer[] = [];
    for (let i = 0; i < count; i += 1) {
      await this.#expect(ROW_DESCRIPTION);
      values.push(this.#onlyValue(await this.#expect(DATA_ROW)));
      await this.#complete('SHOW');
    }
    await this.#ready();
    return values;
  }

  /** @returns what the engine reported meanwhile */
  finish(): readonly GreetingFrame[] {
    if (this.#reader.release().length > 0) throw this.#broken('bytes behind ReadyForQuery');
    return this.#changes;
  }

  async #complete(tag: string): Promise<void> {
    const body = await this.#expect(COMMAND_COMPLETE);
    if (body.toString('latin1') !== `${tag}\0`)
      throw this.#broken(`${tag} was answered by another command tag`);
  }

  async #ready(): Promise<void> {
    const body = await this.#expect(BACKEND.readyForQuery);
    if (body.toString('latin1') !== 'I') throw this.#broken('a transaction is still open');
  }

  async #expect(type: number): Promise<Buffer> {
    for (;;) {
      const message: Message | null = await this.#reader.next();
      if (message === null) throw this.#broken('the connection ended');
      if (message.type === type) return message.body;
      this.#aside(message);
    }
  }

  /** Messages that may come at any time. */
  #aside({ type, body }: Message): void {
    if (type === BACKEND.noticeResponse || type === NOTIFICATION_RESPONSE) return;
    if (type !== BACKEND.parameterStatus)
      throw this.#broken(`unexpected message type 0x${type.toString(16)}`);
    const end = body.indexOf(0);
    this.#changes.push({ name: body.toString('utf8', 0, end), frame: frame(type, body) });
  }

  #onlyValue(row: Buffer): Buffer {
    if (row.length < 6 || row.readInt16BE(0) !== 1 || row.readInt32BE(2) !== row.length - 6) {
      throw this.#broken('SHOW gave something other than one value');
    }
    return row.subarray(6);
  }

  #broken(detail: string): GatewayError {
    return protocolBroken(this.#engine, `while a session was reset: ${detail}`);
  }
}
