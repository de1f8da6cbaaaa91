import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { frame } from '../engines/frames.ts';

const READ_BYTES = 64 * 1024;
/** All clients of the load generator read into the same memory: it only counts what comes. */
const sink = Buffer.allocUnsafeSlow(READ_BYTES);

/** A client that is cheap to run: it sends prepared bytes and counts what comes back. */
export class LoadClient {
  readonly socket: Socket;
  #expected = 0;
  #tail = 0;
  #onAnswer: () => void = () => undefined;

  private constructor(port: number) {
    this.socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer: sink, callback: (length) => this.#read(length) },
    });
  }

  /** Connects and logs in as `bench`, who is believed. */
  static async open(port: number): Promise<LoadClient> {
    const client = new LoadClient(port);
    await once(client.socket, 'connect');
    client.socket.write(STARTUP);
    await client.untilByte(READY_IDLE);
    return client;
  }

  /** Sends `bytes` and calls `done` when `length` bytes have come back. */
  ask(bytes: Uint8Array, length: number, done: () => void): void {
    this.#expected = length;
    this.#onAnswer = done;
    this.socket.write(bytes);
  }

  /** Settles when the last byte that came is `byte`: ReadyForQuery ends with one that nothing before it ends with. */
  untilByte(byte: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(new Error('the connection was closed'));
      this.socket.once('close', closed);
      this.#expected = Infinity;
      this.#onAnswer = () => {
        if (this.#tail !== byte) return;
        this.socket.off('close', closed);
        this.#expected = 0;
        resolve();
      };
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #read(length: number): boolean {
    if (this.#expected === Infinity) {
      this.#tail = sink[length - 1] ?? 0;
      this.#onAnswer();
      return true;
    }
    this.#expected -= length;
    if (this.#expected === 0) this.#onAnswer();
    else if (this.#expected < 0) throw new Error('more came back than was expected');
    return true;
  }
}

/** `I` of ReadyForQuery. */
export const READY_IDLE = 'I'.charCodeAt(0);

const STARTUP = startupPacket({ user: 'bench', database: 'bench' });

function startupPacket(parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  const body = Buffer.from(`\0\x03\0\0${pairs.join('')}\0`, 'latin1');
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([length, body]);
}

export const query = (text: string): Buffer => frame('Q', `${text}\0`);
