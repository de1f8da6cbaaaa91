import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';

import { findNativeStreams, handleOf } from '../../src/session/native-streams.ts';
import { frame } from '../engines/frames.ts';
import type { Door } from '../targets/target.ts';
import { logIn, type Answer, type Messages } from './log-in.ts';

const native = findNativeStreams();

const READ_BYTES = 64 * 1024;
/** All plain clients of the load generator read into the same memory: it only counts what comes. */
const sink = Buffer.allocUnsafeSlow(READ_BYTES);

const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');
/** src/include/libpq/pqcomm.h */
const CANCEL_REQUEST_CODE = (1234 << 16) | 5678;
const TERMINATE = frame('X');
/** ReadyForQuery outside a transaction: nothing that the scenarios are sent ends like it by chance. */
const READY_IDLE = frame('Z', 'I');

/** Who is shown what came. */
interface Ear {
  heard: (chunk: Buffer, length: number) => void;
}

/** A client that is cheap to run: once logged in, it sends prepared bytes and counts what comes back. */
export class LoadClient {
  readonly socket: Socket | TLSSocket;
  readonly #ear: Ear;
  /** Process id and secret, as BackendKeyData has them. */
  readonly #cancelKey: Buffer;
  #tail: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, ear: Ear, cancelKey: Buffer) {
    this.socket = socket;
    this.#ear = ear;
    this.#cancelKey = cancelKey;
  }

  /**
   * Connects and logs in.
   * @param onConnect is handed what closes the connection, be it in the middle of the login
   * @throws Error when that fails
   */
  static async open(
    door: Door,
    { tls = false, onConnect }: { tls?: boolean; onConnect?: (close: () => void) => void } = {},
  ): Promise<LoadClient> {
    const ear: Ear = { heard: () => undefined };
    const callback = (length: number): boolean => {
      ear.heard(sink, length);
      return true;
    };
    const onread = tls ? {} : { onread: { buffer: sink, callback } };
    const socket = connect({ port: door.port, host: '127.0.0.1', noDelay: true, ...onread });
    // Whoever waits for an answer hears of the end; without a listener, a reset would end the process.
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    onConnect?.(() => socket.destroy());
    const encrypted = tls ? await startTls(socket) : socket;
    if (encrypted !== socket) encrypted.on('error', () => undefined);
    if (tls) listenTo(encrypted, ear);
    const handshake = new Handshake(encrypted);
    ear.heard = (chunk, length) => handshake.received(chunk.subarray(0, length));
    try {
      await logIn(handshake, door);
    } catch (error) {
      encrypted.destroy();
      throw error;
    }
    return new LoadClient(encrypted, ear, handshake.cancelKey);
  }

  /** Sends `bytes` and calls `done` when `length` bytes have come back. */
  ask(bytes: Uint8Array, length: number, done: () => void): void {
    let left = length;
    this.#ear.heard = (_chunk, came) => {
      left -= came;
      if (left === 0) done();
      else if (left < 0) this.socket.destroy(new Error('more came back than was expected'));
    };
    this.socket.write(bytes);
  }

  /** The same as a promise. @throws Error when the connection is closed before */
  answered(bytes: Uint8Array, length: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(new Error('the connection was closed'));
      this.socket.once('close', closed);
      this.ask(bytes, length, () => {
        this.socket.off('close', closed);
        resolve();
      });
    });
  }

  /** Settles with the count of bytes that came up to the next ReadyForQuery outside a transaction. */
  untilReady(): Promise<number> {
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(new Error('the connection was closed'));
      this.socket.once('close', closed);
      let bytes = 0;
      this.#tail = Buffer.alloc(0);
      this.#ear.heard = (chunk, length) => {
        bytes += length;
        this.#keepTail(chunk, length);
        if (!this.#tail.equals(READY_IDLE)) return;
        this.socket.off('close', closed);
        resolve(bytes);
      };
    });
  }

  /** Settles with the type of the message that the next bytes begin with. */
  nextType(): Promise<string> {
    return new Promise((resolve) => {
      this.#ear.heard = (chunk) => resolve(String.fromCharCode(chunk[0] ?? 0));
    });
  }

  /** Calls `heard` whenever something comes. */
  heed(heard: () => void): void {
    this.#ear.heard = heard;
  }

  /** Settles when the server has closed the connection of the cancel request, whatever came of it. */
  async requestCancel(port: number): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.resume();
    const head = Buffer.alloc(8);
    head.writeInt32BE(head.length + this.#cancelKey.length);
    head.writeInt32BE(CANCEL_REQUEST_CODE, 4);
    socket.write(Buffer.concat([head, this.#cancelKey]));
    await closed;
  }

  /** Terminate, and waits until the connection is closed. */
  async leave(): Promise<void> {
    const closed = once(this.socket, 'close');
    this.socket.end(TERMINATE);
    await closed;
  }

  close(): void {
    this.socket.destroy();
  }

  #keepTail(chunk: Buffer, length: number): void {
    const wanted = READY_IDLE.length;
    this.#tail =
      length >= wanted
        ? Buffer.from(chunk.subarray(length - wanted, length))
        : Buffer.concat([this.#tail, chunk.subarray(0, length)]).subarray(-wanted);
  }
}

/** Reads the messages of a login. */
class Handshake implements Messages {
  /** Empty until BackendKeyData has come. */
  cancelKey: Buffer = Buffer.alloc(0);
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once('close', () => this.#waiting?.reject(new Error('the connection was closed')));
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  next(): Promise<Answer> {
    const answer = this.#take();
    if (answer !== null) return Promise.resolve(answer);
    if (this.#socket.destroyed) return Promise.reject(new Error('the connection was closed'));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  received(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    if (this.#waiting === null) return;
    const answer = this.#take();
    if (answer === null) return;
    const { resolve } = this.#waiting;
    this.#waiting = null;
    resolve(answer);
  }

  #take(): Answer | null {
    if (this.#held.length < 5) return null;
    const end = 1 + this.#held.readInt32BE(1);
    if (this.#held.length < end) return null;
    const answer = { type: String.fromCharCode(this.#held[0] ?? 0), body: this.#held.subarray(5, end) };
    this.#held = this.#held.subarray(end);
    if (answer.type === 'K') this.cancelKey = Buffer.from(answer.body);
    return answer;
  }
}

/** By the handle, where that is known, so that what the load generator costs is little beside what it measures. */
function listenTo(encrypted: Socket, ear: Ear): void {
  encrypted.on('data', (chunk: Buffer) => ear.heard(chunk, chunk.length));
  const handle = handleOf(encrypted);
  if (handle === null || native === null) return;
  handle.useUserBuffer(sink);
  handle.onread = () => {
    const length = native.readResult();
    if (length > 0) ear.heard(sink, length);
    else if (length < 0) encrypted.destroy();
    return undefined;
  };
}

/** A full handshake each time; whom it talks to is not the question here. */
async function startTls(socket: Socket): Promise<TLSSocket> {
  socket.write(SSL_REQUEST);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (answer.toString('latin1') !== 'S') throw new Error('the server does not do TLS');
  const encrypted = tlsConnect({ socket, rejectUnauthorized: false });
  await once(encrypted, 'secureConnect');
  return encrypted;
}

export const query = (text: string): Buffer => frame('Q', `${text}\0`);

/** A statement by the extended protocol: how it is prepared, and how it is run with one parameter. */
export function prepared(text: string, parameter: string): { parse: Buffer; execute: Buffer } {
  const length = Buffer.alloc(4);
  length.writeInt32BE(parameter.length);
  const bind = Buffer.concat([
    Buffer.from('\0q\0\0\0\0\x01', 'latin1'),
    length,
    Buffer.from(parameter),
    Buffer.from('\0\0', 'latin1'),
  ]);
  const sync = frame('S');
  return {
    parse: Buffer.concat([frame('P', `q\0${text}\0\0\0`), sync]),
    execute: Buffer.concat([frame('B', bind), frame('E', '\0\0\0\0\0'), sync]),
  };
}
