import type { TLSSocket } from 'node:tls';

import type { Transport } from '../wire/transport.ts';
import { SocketTransport } from './transport-socket.ts';

/** @param socket after the handshake, paused */
export function tlsTransport(socket: TLSSocket): Transport {
  return new TlsTransport(socket);
}

/** Every write is encrypted and sent later, so it is the stream's high-water mark that says when to wait. */
class TlsTransport extends SocketTransport {
  override readonly encrypted = true;

  constructor(socket: TLSSocket) {
    super(socket);
    socket.on('drain', () => this.slot.drain());
  }

  override write(chunk: Uint8Array): boolean {
    if (this.socket.writableEnded || this.socket.destroyed) return true;
    return this.socket.write(chunk);
  }

  override release(): void {
    // chunks are decrypted into memory of their own: none is lent
  }

  override lull(): void {
    // no buffer is held
  }
}
