import type { TLSSocket } from 'node:tls';

import type { Transport } from '../wire/transport.ts';
import { SocketTransport } from './transport-socket.ts';

/** @param socket after the handshake, paused */
export function tlsTransport(socket: TLSSocket): Transport {
  return new SocketTransport(socket, true);
}
