import { connect, type Socket } from 'node:net';

import type { Transport } from '../wire/transport.ts';
import { plainTransport, type TransportOptions } from './transport-plain.ts';

/** A TCP address, or the path of a Unix socket. */
export type DialTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface DialOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Nobody answered in time. */
export class DialTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`no connection within ${timeoutMs} ms`);
    this.name = 'DialTimeout';
  }
}

/**
 * Opens a connection as a transport that is paused and has no sink.
 * @throws the socket's error, a DialTimeout after `timeoutMs`, or the signal's reason
 */
export async function connectTransport(
  target: DialTarget,
  common: TransportOptions,
  options: DialOptions,
): Promise<Transport> {
  return plainTransport(await connectSocket(target, options), common);
}

/**
 * Opens a connection for a caller who goes on to TLS: paused, half-open allowed, without delay. The caller must add its own
 * error listener before it yields.
 * @throws as `connectTransport`
 */
export function connectSocket(target: DialTarget, options: DialOptions): Promise<Socket> {
  const socket = connect({ ...target, allowHalfOpen: true });
  socket.pause();
  return connected(socket, options).then(() => socket);
}

function connected(socket: Socket, options: DialOptions): Promise<void> {
  const { timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null) => {
      clearTimeout(timer);
      socket.off('connect', onConnect);
      socket.off('error', settle);
      signal?.removeEventListener('abort', onAbort);
      if (error === null) {
        resolve();
        return;
      }
      // whatever the socket still has to say, it has nobody to say it to
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onConnect = () => {
      socket.setNoDelay(true);
      settle(null);
    };
    const onAbort = () => settle(reasonOf(signal));
    const timer = setTimeout(() => settle(new DialTimeout(timeoutMs)), timeoutMs);
    socket.on('connect', onConnect);
    socket.on('error', settle);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
  });
}

function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error
    ? reason
    : new Error('the connection attempt was given up', { cause: reason });
}
