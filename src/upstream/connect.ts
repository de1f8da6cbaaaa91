import type { Socket } from 'node:net';
import { describeError, GatewayError } from '../core/errors.ts';
import type { Transport } from '../wire/transport.ts';
import type { Target } from './connection-url.ts';
import type { Dial } from './dial.ts';
import type { Engine } from './engine.ts';
import { unreachable } from './engine-errors.ts';
import { startTls, type TlsSessions } from './engine-tls.ts';
import { requestTls } from './ssl-request.ts';

export interface ConnectDeps {
  readonly dial: Dial;
  readonly tlsSessions: TlsSessions;
}

/** A connection to an engine on which nobody has logged in yet. */
export interface Connection {
  readonly transport: Transport;
  /** tls-server-end-point hash of the engine's certificate; null without TLS, or where none is defined. */
  readonly endPointHash: Buffer | null;
  /** Nobody but this machine can see the bytes. */
  readonly local: boolean;
  /** The very server that answered, where `target` may be a name for several. */
  readonly peer: Target;
}

/**
 * Connects to one of an engine's servers, with TLS as its sslmode says.
 * @param peer where to connect, when that is not what the certificate is compared with
 * @param signal ends the attempt; its reason is thrown
 * @throws GatewayError engine.unreachable or engine.tls
 */
export async function connect(
  engine: Engine,
  target: Target,
  { dial, tlsSessions }: ConnectDeps,
  signal: AbortSignal,
  peer: Target = target,
): Promise<Connection> {
  const socket = await dialed(engine, dial, peer, signal);
  try {
    const reached = peerOf(socket, peer);
    const local = isLocal(reached);
    if (!('host' in target) || !(await wantsTls(engine, socket, signal))) {
      return { transport: dial.plain(socket), endPointHash: null, local, peer: reached };
    }
    const { tlsSocket, endPointHash } = await startTls(socket, {
      engine,
      host: target.host,
      tlsSessions,
      signal,
    });
    return { transport: dial.tls(tlsSocket, socket), endPointHash, local, peer: reached };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function dialed(engine: Engine, dial: Dial, target: Target, signal: AbortSignal): Promise<Socket> {
  try {
    const socket = await dial.socket(target, { timeoutMs: engine.connectTimeoutMs, signal });
    // An engine that resets the connection between two steps must not take the process down: each step has its own listener.
    socket.on('error', () => undefined);
    socket.setKeepAlive(true, engine.keepAliveMs);
    return socket;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof GatewayError) throw error;
    throw unreachable(engine.name, describeError(error), error);
  }
}

/** libpq never uses TLS over a Unix socket, whatever sslmode says. */
async function wantsTls(engine: Engine, socket: Socket, signal: AbortSignal): Promise<boolean> {
  if (engine.sslMode === 'disable') return false;
  return engine.directTls || requestTls(engine, socket, signal);
}

function peerOf(socket: Socket, target: Target): Target {
  const { remoteAddress, remotePort } = socket;
  return 'path' in target || remoteAddress === undefined || remotePort === undefined
    ? target
    : { host: remoteAddress, port: remotePort };
}

function isLocal(peer: Target): boolean {
  return 'path' in peer || /^(?:::ffff:)?127\.|^::1$/.test(peer.host);
}
