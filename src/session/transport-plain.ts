import { Socket, type OnReadOpts } from 'node:net';

import type { Transport } from '../wire/transport.ts';
import { BulkReader } from './bulk-reader.ts';
import type { ReadBuffers } from './read-buffers.ts';
import { SocketTransport } from './transport-socket.ts';

const NOTHING = new Uint8Array(0);

/**
 * Turns an accepted connection into a transport. Its operating-system handle moves to a socket that reads into buffers of
 * ours, which Node offers to outbound connections only (`onread`); where that can not be done, data events serve.
 *
 * @param socket the caller has stopped reading from it. It must not be used afterwards: it looks closed
 * @param head bytes that the caller read and did not use
 */
export function plainTransport(socket: Socket, buffers: ReadBuffers, head?: Buffer): Transport {
  const unread: unknown = socket.readableLength > 0 ? socket.read() : null;
  const parts = [head, unread].filter((part) => Buffer.isBuffer(part));
  const reader = new BulkReader(buffers);
  const taken = takeOver(socket, reader.onread) ?? socket;
  return new PlainTransport(taken, reader, Buffer.concat(parts));
}

/** Over TCP or a Unix socket, in the clear. */
export class PlainTransport extends SocketTransport {
  override readonly encrypted = false;
  readonly #reader: BulkReader;
  #drainAwaited = false;

  /** @param socket made with `reader.onread`, or any that gives data events */
  constructor(socket: Socket, reader: BulkReader, head?: Buffer) {
    super(socket, head);
    this.#reader = reader;
    reader.deliverTo((chunk, owned) => this.received(chunk, owned));
  }

  /** The kernel mostly takes all at once; else the chunk is in use until `drain`, and false is the answer. */
  override write(chunk: Uint8Array): boolean {
    const { socket } = this;
    if (socket.writableEnded || socket.destroyed) return true;
    socket.write(chunk);
    if (socket.writableLength === 0) return true;
    this.#awaitDrain();
    return false;
  }

  override release(): void {
    this.#reader.release();
  }

  override lull(): void {
    this.#reader.lull();
  }

  /** The stream's own 'drain' only comes after a write above the high-water mark; the callback of an empty write always does. */
  #awaitDrain(): void {
    if (this.#drainAwaited) return;
    this.#drainAwaited = true;
    this.socket.write(NOTHING, (error) => {
      this.#drainAwaited = false;
      if (error !== undefined && error !== null) return;
      if (this.socket.writableLength > 0) this.#awaitDrain();
      else this.slot.drain();
    });
  }
}

/** What is needed of Node's TCPWrap or Pipe, which are not documented. */
interface Handle {
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
}

/** @returns null, with nothing changed, when this Node keeps its handles elsewhere */
function takeOver(socket: Socket, onread: OnReadOpts): Socket | null {
  const holder = socket as { _handle?: unknown };
  const handle = holder._handle;
  if (!isHandle(handle)) return null;
  holder._handle = null;
  // `handle` and `pauseOnCreate` are what net.Server itself passes
  const options = { handle, onread, pauseOnCreate: true, allowHalfOpen: true };
  const taken = new Socket(options);
  socket.setTimeout(0);
  socket.destroy();
  return taken;
}

function isHandle(candidate: unknown): candidate is Handle {
  return (
    typeof candidate === 'object' &&
    candidate !== null &&
    ['useUserBuffer', 'readStart', 'readStop'].every(
      (name) => typeof Reflect.get(candidate, name) === 'function',
    )
  );
}
