import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { normalAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { ConnectionPlaces, type ConnectionLimits, type ConnectionPlace } from './connection-places.ts';

/** What a listener lets in. */
export interface ConnectionGuard {
  readonly limits: () => ConnectionLimits;
  /** Who speaks for many, and is under the limit in all only. */
  readonly isProxy: (address: string) => boolean;
  /** Whether file descriptors are left for a connection. */
  readonly hasRoom: (socket: Socket) => boolean;
  readonly refused: (reason: 'descriptors' | 'connections') => void;
  readonly clock: Clock;
}

const TOO_MANY = 'Too many connections. Try again in a moment.\n';
const REFUSAL = [
  'HTTP/1.1 503 Service Unavailable',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${TOO_MANY.length}`,
  'Retry-After: 1',
  'Connection: close',
  '',
  TOO_MANY,
].join('\r\n');
/** A refused client has so long to read why. */
const LINGER_MS = 500;
/** So many are told so at once; others find the connection closed, which costs no descriptor. */
const MOST_TOLD = 20;

/**
 * Keeps the connections of an HTTP server within limits. What is refused never gets to the server.
 * @param tls the answer to a refused client would have to be encrypted: it gets none
 */
export function guardConnections(server: Server, tls: boolean, guard: ConnectionGuard): void {
  const places = new ConnectionPlaces(guard.limits, guard.clock);
  /** By the other end, which a request tells too, whatever lies between it and the socket. */
  const byPeer = new Map<string, ConnectionPlace>();
  let told = 0;
  const sendAway = (socket: Socket): void => {
    guard.refused('connections');
    socket.on('error', () => undefined);
    if (tls || told >= MOST_TOLD) {
      socket.destroy();
      return;
    }
    told += 1;
    const timer = guard.clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => {
      told -= 1;
      timer.cancel();
    });
    socket.resume().end(REFUSAL);
  };
  const serve = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (!guard.hasRoom(socket)) {
      guard.refused('descriptors');
      socket.destroy();
      return;
    }
    const address = normalAddress(socket.remoteAddress ?? '') ?? '';
    const place = places.take(guard.isProxy(address) ? null : address, () => socket.destroy());
    if (place === null) {
      sendAway(socket);
      return;
    }
    const peer = peerOf(socket);
    byPeer.set(peer, place);
    socket.once('close', () => {
      place.leave();
      if (byPeer.get(peer) === place) byPeer.delete(peer);
    });
    for (const run of serve) run.call(server, socket);
  });
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const place = byPeer.get(peerOf(socket));
    place?.begin();
    response.once('close', () => place?.end());
  });
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0}`;
}
