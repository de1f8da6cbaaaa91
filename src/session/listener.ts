import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Connections that have not logged in yet, in all and from one address; more are closed unanswered. */
  readonly maxPending: number;
  readonly maxPendingPerAddress: number;
  readonly backlog: number;
  /** Runs one connection to its end; never rejects for what a peer did. */
  readonly run: (socket: Socket, settled: () => void) => Promise<unknown>;
  readonly log: Log;
}

export interface Listener {
  readonly address: AddressInfo;
  /** Stops accepting; running sessions go on. */
  stopAccepting(): void;
}

/**
 * Accepts PostgreSQL clients. A connection is *pending* until its login is settled; pending ones are capped, so that a flood
 * of half-open logins leaves room for the sessions that run.
 * @throws the listen error (EADDRINUSE, EACCES…)
 */
export async function listen(options: ListenerOptions): Promise<Listener> {
  let pending = 0;
  const perAddress = new Map<string, number>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true });
  server.on('connection', (socket) => {
    // Attached before anything is read: a reset during the handshake is an event, never a crash.
    socket.on('error', (error) =>
      options.log.debug({ error: describeError(error) }, 'client connection broke'),
    );
    const address = socket.remoteAddress ?? '';
    const fromThere = perAddress.get(address) ?? 0;
    if (pending >= options.maxPending || fromThere >= options.maxPendingPerAddress) {
      options.log.debug({ address, pending }, 'too many connections that have not logged in');
      socket.destroy();
      return;
    }
    pending += 1;
    let isPending = true;
    perAddress.set(address, fromThere + 1);
    const settled = (): void => {
      if (!isPending) return;
      isPending = false;
      pending -= 1;
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    };
    options
      .run(socket, settled)
      .catch((error: unknown) => {
        options.log.error({ error: describeError(error) }, 'a session ended by a defect');
        socket.destroy();
      })
      .finally(settled);
  });
  await listening(server, options);
  return {
    address: server.address() as AddressInfo,
    stopAccepting: () => server.close(),
  };
}

function listening(server: Server, options: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, backlog: options.backlog }, () => {
      server.off('error', reject);
      server.on('error', (error) => options.log.error({ error: describeError(error) }, 'cannot accept'));
      resolve();
    });
  });
}
