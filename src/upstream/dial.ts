import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Transport } from '../wire/transport.ts';
import type { Target } from './connection-url.ts';

export interface DialOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** How connections are made and carried: given from outside, so that the relay's transports can be used here. */
export interface Dial {
  /**
   * A connected socket, paused, without delay.
   * @throws the socket's error, an error of its own after `timeoutMs`, or the signal's reason
   */
  socket(target: Target, options: DialOptions): Promise<Socket>;
  /** @param socket connected and paused; not to be used afterwards */
  plain(socket: Socket): Transport;
  /** @param socket after the handshake, paused @param carrier the connection below */
  tls(socket: TLSSocket, carrier: Socket): Transport;
}
