import type { Socket } from 'node:net';

import type { Transport } from '../wire/transport.ts';
import { handleOf, type NativeStreams } from './native-streams.ts';
import type { ReadBuffers } from './read-buffers.ts';
import { NativeTransport } from './transport-native.ts';
import { SocketTransport } from './transport-socket.ts';

/** What the transports of one process share. */
export interface TransportOptions {
  readonly buffers: ReadBuffers;
  /** Null: all go by stream events. */
  readonly native: NativeStreams | null;
}

/**
 * Turns a connection in the clear, by TCP or by a Unix socket, into a transport.
 * @param socket the caller has stopped reading from it, and leaves it alone from now on but for its 'close' event
 * @param head bytes that the caller read and did not use
 */
export function plainTransport(socket: Socket, options: TransportOptions, head?: Buffer): Transport {
  const unread: unknown = socket.readableLength > 0 ? socket.read() : null;
  const early = Buffer.concat([head, unread].filter((part) => Buffer.isBuffer(part)));
  const handle = handleOf(socket);
  if (options.native === null || handle === null) {
    return new SocketTransport(socket, false, early);
  }
  return new NativeTransport(socket, handle, options.native, options.buffers, early);
}
