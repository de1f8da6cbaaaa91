import { createServer, type Socket } from 'node:net';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Clock } from '../core/clock.ts';
import { listenOn, type ListenAddress } from '../core/listen-on.ts';
import { connectionPeer } from './peer.ts';
import { PendingConnections, type PendingLimits, type PendingPlace } from './pending.ts';

const DEFAULT_KEEP_ALIVE_MS = 60_000;

export interface ListenerOptions extends ListenAddress {
  /** Who will say in a PROXY header whom it speaks for. */
  readonly isProxy: (address: string) => boolean;
  /** Whether file descriptors are left for a connection. */
  readonly hasRoom: (socket: Socket) => boolean;
  /** Counts those who are closed without an answer. */
  readonly refused: (reason: 'descriptors' | 'pending') => void;
  /** Asked for each connection; for those above, the oldest that has not logged in is closed, or they are themselves. */
  readonly limits: () => PendingLimits;
  readonly backlog: number;
  /** How long a silent client is trusted before the kernel asks whether it is still there; 60,000 when left out. */
  readonly keepAliveMs?: number;
  /** Takes a connection through its login; never rejects for what a peer did. */
  readonly run: (socket: Socket, place: PendingPlace) => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Listener {
  /** Where clients are heard; the port in use. */
  readonly host: string;
  readonly port: number;
  readonly accepting: boolean;
  /** Stops accepting; running sessions go on. */
  stopAccepting(): void;
}

/**
 * Accepts PostgreSQL clients. A connection is *pending* until a session runs, or it is closed.
 * @throws the listen error (EADDRINUSE, EACCES…)
 */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { log } = options;
  const pending = new PendingConnections(options.limits, options.clock);
  const server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
  });
  // One for all: a listener of its own would keep what a connection's login needed for as long as its session lasts.
  const onBroken = (error: Error): void => {
    log.debug({ error: describeError(error) }, 'client connection broke');
  };
  server.on('connection', (socket) => {
    // Attached before anything is read: a reset during the handshake is an event, never a crash.
    socket.on('error', onBroken);
    if (!options.hasRoom(socket)) {
      options.refused('descriptors');
      socket.destroy();
      return;
    }
    const { address } = connectionPeer(socket);
    const place = pending.take(options.isProxy(address) ? null : address);
    if (place === null) {
      options.refused('pending');
      log.debug({ address, pending: pending.total }, 'too many connections that have not logged in');
      socket.destroy();
      return;
    }
    place.whenEvicted(() => {
      log.debug({ address }, 'a connection that has not logged in made room for another');
      socket.destroy();
    });
    options
      .run(socket, place)
      .catch((error: unknown) => {
        log.error({ error: describeError(error) }, 'a session ended by a defect');
        socket.destroy();
      })
      .finally(() => place.settled());
  });
  const bound = await listenOn(server, options, { backlog: options.backlog });
  server.on('error', (error) => log.error({ error: describeError(error) }, 'cannot accept'));
  return {
    ...bound,
    get accepting() {
      return server.listening;
    },
    stopAccepting: () => server.close(),
  };
}
