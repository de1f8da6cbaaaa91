import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import {
  chooseMechanism,
  startClientExchange,
  type ClientMechanism,
} from '../../src/scram/client-exchange.ts';
import { deriveKeys, type ScramParameters } from '../../src/scram/keys.ts';
import { encodeFrontend } from '../../src/wire/frontend.ts';

/** A message of the gateway. */
export interface Received {
  /** One letter. */
  readonly type: string;
  readonly body: Buffer;
}

export interface WireClientOptions {
  readonly port: number;
  readonly tls?: boolean;
  /** Where it connects from. */
  readonly localAddress?: string;
  /** Said before anything else. */
  readonly header?: string;
}

/** A client that can be told to do anything, also what no driver would. */
export class WireClient {
  /** All that `next` has given, in order. */
  readonly seen: Received[] = [];
  readonly #socket: Socket | TLSSocket;
  readonly #carrier: Socket;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  static async connect(options: WireClientOptions): Promise<WireClient> {
    const { port, localAddress = '127.0.0.1', tls = false, header = '' } = options;
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    await once(socket, 'connect');
    socket.write(header);
    if (!tls) return new WireClient(socket, socket);
    socket.write(encodeFrontend({ kind: 'sslRequest' }));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (answer.toString('latin1') !== 'S') throw new Error(`TLS refused: ${answer.toString('latin1')}`);
    // The certificate is the test's own, and whether it is trusted is not what these tests are about.
    const encrypted = connectTls({ socket, rejectUnauthorized: false });
    await once(encrypted, 'secureConnect');
    return new WireClient(encrypted, socket);
  }

  private constructor(socket: Socket | TLSSocket, carrier: Socket) {
    this.#socket = socket;
    this.#carrier = carrier;
    socket.on('data', (chunk: Buffer) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end);
    socket.on('close', end);
    // A reset by the gateway ends the connection like a close; tests look at what was received before.
    socket.on('error', end);
  }

  startup(user: string, database = 'demo'): this {
    return this.send(encodeFrontend({ kind: 'startup', minor: 0, user, database, parameters: [] }));
  }

  send(bytes: Uint8Array): this {
    this.#socket.write(bytes);
    return this;
  }

  password(password: string): this {
    return this.send(encodeFrontend({ kind: 'password', password: Buffer.from(password) }));
  }

  saslInitial(mechanism: string, data: string | Buffer | null): this {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    return this.send(encodeFrontend({ kind: 'saslInitialResponse', mechanism, data: bytes }));
  }

  saslResponse(data: string | Buffer): this {
    return this.send(encodeFrontend({ kind: 'saslResponse', data: Buffer.from(data) }));
  }

  /** Next message, or null once the gateway has closed. */
  async next(): Promise<Received | null> {
    for (;;) {
      if (this.#held.length >= 5 && this.#held.length >= 1 + this.#held.readInt32BE(1)) {
        const end = 1 + this.#held.readInt32BE(1);
        const message = {
          type: String.fromCharCode(this.#held.readUInt8(0)),
          body: this.#held.subarray(5, end),
        };
        this.#held = this.#held.subarray(end);
        this.seen.push(message);
        return message;
      }
      if (this.#ended) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The `R` message that must come next: its number and what follows it. */
  async authentication(): Promise<{ request: number; data: Buffer }> {
    const message = await this.next();
    if (message?.type !== 'R') throw new Error(`expected R, got ${describe(message)}`);
    return { request: message.body.readInt32BE(0), data: message.body.subarray(4) };
  }

  /** Everything that still comes. */
  async rest(): Promise<Received[]> {
    const messages: Received[] = [];
    for (let message = await this.next(); message !== null; message = await this.next())
      messages.push(message);
    return messages;
  }

  /** How the login ends: `Z`, or the fields of the ErrorResponse, or null for a close without a word. */
  async verdict(): Promise<Verdict> {
    for (let message = await this.next(); message !== null; message = await this.next()) {
      if (message.type === 'Z') return { ok: true };
      if (message.type === 'E') return { ok: false, ...errorFields(message.body) };
    }
    return null;
  }

  async scram(password: string, options: ScramOptions = {}): Promise<void> {
    const { data } = await this.authentication();
    const offered = data
      .toString('latin1')
      .split('\0')
      .filter((name) => name !== '');
    const mechanism = options.mechanism ?? chooseMechanism(offered, options.endPointHash ?? null);
    if (mechanism === null) throw new Error(`no mechanism among ${offered.join()}`);
    const exchange = startClientExchange(mechanism, options.nonce);
    this.saslInitial(mechanism.mechanism, exchange.message);
    const first = await this.authentication();
    const keysFor = (parameters: ScramParameters) => deriveKeys(password, parameters);
    const final = await exchange.answer(first.data, keysFor);
    await options.beforeProof?.();
    this.saslResponse(final.message);
    if (options.skipFinal === true) return;
    const message = await this.next();
    if (message?.type !== 'R') {
      if (message !== null) this.#unread(message);
      return;
    }
    final.finish(message.body.subarray(4));
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Breaks the connection, as a machine does that lost its memory of it. */
  reset(): void {
    this.#carrier.resetAndDestroy();
  }

  /** Sends what is queued, and that nothing more will come. */
  end(): void {
    this.#socket.end();
  }

  #unread({ type, body }: Received): void {
    this.seen.pop();
    const head = Buffer.alloc(5);
    head.write(type, 'latin1');
    head.writeInt32BE(body.length + 4, 1);
    this.#held = Buffer.concat([head, body, this.#held]);
  }
}

export interface ScramOptions {
  readonly mechanism?: ClientMechanism;
  readonly endPointHash?: Buffer;
  readonly nonce?: string;
  /** Waited for between the gateway's challenge and the proof. */
  readonly beforeProof?: () => Promise<unknown>;
  /** Does not read what comes after the proof. */
  readonly skipFinal?: boolean;
}

export type Verdict = { ok: true } | ({ ok: false } & ErrorFields) | null;

export interface ErrorFields {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
}

export function errorFields(body: Buffer): ErrorFields {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)] as const),
  );
  return {
    severity: fields.get('V') ?? '',
    sqlState: fields.get('C') ?? '',
    message: fields.get('M') ?? '',
  };
}

function describe(message: Received | null): string {
  if (message === null) return 'a close';
  return message.type === 'E' ? errorFields(message.body).message : message.type;
}
