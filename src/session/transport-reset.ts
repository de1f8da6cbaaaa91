import type { Socket } from 'node:net';

/**
 * Closes a connection with a reset where it has one, and at once in any case.
 * @param carrier the TCP connection below, when the socket is a TLS one
 */
export function resetSocket(socket: Socket, carrier: Socket): void {
  // libuv refuses to reset what is shutting down, and Node then leaves the handle behind
  const shuttingDown = socket.writableEnded && !socket.writableFinished;
  if (!shuttingDown && !carrier.destroyed && isTcp(carrier)) carrier.resetAndDestroy();
  socket.destroy();
}

function isTcp({ remoteFamily }: Socket): boolean {
  return remoteFamily === 'IPv4' || remoteFamily === 'IPv6';
}
