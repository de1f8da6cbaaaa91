import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as tlsConnect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { endPointHash } from '../tls/end-point-hash.ts';
import { ALPN_PROTOCOL } from '../wire/constants.ts';
import { reasonOf } from './deadline.ts';
import type { Engine } from './engine.ts';
import { tlsFailed } from './engine-errors.ts';

/**
 * The last TLS session of each server, so that the next handshake can resume it. Belongs to one Engine object: a session
 * vouches for the certificate checks that it was made under, and a reload may have changed those.
 */
export class TlsSessions {
  readonly #sessions = new WeakMap<Engine, Map<string, Buffer>>();

  get(engine: Engine, host: string): Buffer | undefined {
    return this.#sessions.get(engine)?.get(host);
  }

  set(engine: Engine, host: string, session: Buffer): void {
    const known = this.#sessions.get(engine) ?? new Map<string, Buffer>();
    known.set(host, session);
    this.#sessions.set(engine, known);
  }
}

export interface StartTlsOptions {
  readonly engine: Engine;
  /** The name that the certificate must bear. */
  readonly host: string;
  readonly tlsSessions: TlsSessions;
  readonly signal: AbortSignal;
}

/** After the handshake, paused. */
export interface StartedTls {
  readonly tlsSocket: TLSSocket;
  readonly endPointHash: Buffer | null;
}

/**
 * TLS handshake with an engine, on a connected socket.
 * @throws GatewayError engine.tls, or the signal's reason
 */
export async function startTls(socket: Socket, options: StartTlsOptions): Promise<StartedTls> {
  const { engine, host, tlsSessions, signal } = options;
  const session = tlsSessions.get(engine, host);
  const tlsSocket = tlsConnect({
    socket,
    ...verification(engine, host),
    ...(session === undefined ? {} : { session }),
  });
  // Errors between two steps have nobody else to go to; the next step sees that the connection is gone.
  tlsSocket.on('error', () => undefined);
  tlsSocket.on('session', (ticket) => tlsSessions.set(engine, host, ticket));
  await handshake(tlsSocket, engine, signal);
  // With direct TLS nothing but ALPN says that it is PostgreSQL that answers (ALPACA attack).
  if (engine.directTls && tlsSocket.alpnProtocol !== ALPN_PROTOCOL) {
    throw tlsFailed(engine.name, 'the engine did not agree to ALPN protocol "postgresql"');
  }
  return { tlsSocket, endPointHash: certificateHash(tlsSocket) };
}

function certificateHash(tlsSocket: TLSSocket): Buffer | null {
  const certificate = tlsSocket.getPeerX509Certificate();
  return certificate === undefined ? null : endPointHash(certificate.raw);
}

function verification({ sslMode, files }: Engine, host: string): ConnectionOptions {
  return {
    secureContext: files.tls,
    // SNI holds names only (RFC 6066); an address is still compared with the certificate.
    servername: isIP(host) === 0 ? host : '',
    ALPNProtocols: [ALPN_PROTOCOL],
    rejectUnauthorized: sslMode === 'verify-ca' || sslMode === 'verify-full',
    checkServerIdentity: (_name, certificate) =>
      sslMode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  };
}

function handshake(tlsSocket: TLSSocket, engine: Engine, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      tlsSocket.off('secureConnect', onSecure).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const fail = (error: Error): void => {
      settle(() => reject(error));
      tlsSocket.destroy();
    };
    const onSecure = (): void => settle(resolve);
    const onError = (error: Error): void => fail(tlsFailed(engine.name, error.message, error));
    const onClose = (): void => fail(tlsFailed(engine.name, 'the connection ended during the TLS handshake'));
    const onAbort = (): void => fail(reasonOf(signal));
    tlsSocket.on('secureConnect', onSecure).on('error', onError).on('close', onClose);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
