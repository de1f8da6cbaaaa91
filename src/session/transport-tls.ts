import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { Transport } from '../wire/transport.ts';
import { handleOf } from './native-streams.ts';
import { NativeTlsTransport } from './transport-native-tls.ts';
import type { TransportOptions } from './transport-plain.ts';
import { SocketTransport } from './transport-socket.ts';

/**
 * Turns an encrypted connection into a transport.
 * @param socket after the handshake, paused; the caller leaves it alone from now on but for its 'close' event
 * @param carrier the connection below, for `reset`, which without it only closes
 */
export function tlsTransport(
  socket: TLSSocket,
  { native, buffers }: TransportOptions,
  carrier?: Socket,
): Transport {
  const handle = handleOf(socket);
  if (native === null || handle === null || socket.writableLength > 0)
    return new SocketTransport(socket, true, undefined, carrier);
  const unread: unknown = socket.readableLength > 0 ? socket.read() : null;
  const early = Buffer.isBuffer(unread) ? unread : undefined;
  return new NativeTlsTransport(socket, handle, native, buffers, early, carrier ?? socket);
}
