import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import { fatal, GatewayError } from '../core/errors.ts';
import { ALPN_PROTOCOL } from '../wire/constants.ts';
import type { TlsIdentity } from './server-tls.ts';

/** A TLS handshake that has begun; what came before is dealt with in the next tick. */
export interface Handshake {
  readonly encrypted: TLSSocket;
  /**
   * The encrypted connection once it is one; nothing has been read from it. Its `alpnProtocol` is `postgresql` or false.
   * Fails with GatewayError `wire.tls_handshake`; the connection is closed then.
   */
  readonly done: Promise<TLSSocket>;
}

/**
 * The server's side of a TLS handshake.
 * @param socket bytes that are in its read buffer belong to the handshake. From now on it is the encrypted socket's: to
 *   destroy either destroys both.
 */
export function acceptTls(socket: Socket, identity: TlsIdentity): Handshake {
  const encrypted = new TLSSocket(socket, {
    isServer: true,
    secureContext: identity.context,
    ALPNProtocols: [ALPN_PROTOCOL],
  });
  return { encrypted, done: secured(socket, encrypted) };
}

function secured(socket: Socket, encrypted: TLSSocket): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let failure: Error | null = null;
    const onClose = (): void => reject(handshakeFailed(failure));
    // the raw socket may be half-open, but half a handshake is none
    const onEnd = (): void => void encrypted.destroy();
    // one that ended before its bytes were handed on will not say so again
    socket.once('end', onEnd);
    // A TLSSocket without a tls.Server reports what breaks it by this event alone, also later, and does not close by itself.
    encrypted.on('_tlsError', (error: Error) => {
      failure = error;
      encrypted.destroy(error);
    });
    encrypted.on('error', (error: Error) => {
      failure = error;
    });
    encrypted.once('close', onClose);
    encrypted.once('end', onEnd);
    encrypted.once('secure', () => {
      encrypted.off('close', onClose);
      encrypted.off('end', onEnd);
      socket.off('end', onEnd);
      resolve(encrypted);
    });
  });
}

function handshakeFailed(cause: Error | null): GatewayError {
  const reason = cause?.message ?? 'the client left';
  return new GatewayError('wire.tls_handshake', `TLS handshake: ${reason}`, fatal('08P01', 'TLS failed'), {
    cause,
  });
}
