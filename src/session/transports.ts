import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { Transport } from '../wire/transport.ts';
import { findNativeStreams, type NativeStreams } from './native-streams.ts';
import { ReadBuffers } from './read-buffers.ts';
import { connectTransport, type DialOptions, type DialTarget } from './transport-connect.ts';
import { plainTransport } from './transport-plain.ts';
import { tlsTransport } from './transport-tls.ts';

/** Makes every transport of a process; they share the buffers that they read into. */
export interface Transports {
  /** See `plainTransport`. */
  plain(socket: Socket, head?: Buffer): Transport;
  /** See `tlsTransport`. */
  tls(socket: TLSSocket, carrier?: Socket): Transport;
  /** See `connectTransport`. */
  connect(target: DialTarget, options: DialOptions): Promise<Transport>;
}

/**
 * Made once, in the composition root.
 * @param native what Node offers below its streams; null to do without
 */
export function createTransports(native: NativeStreams | null = findNativeStreams()): Transports {
  const common = { buffers: new ReadBuffers(), native };
  return {
    plain: (socket, head) => plainTransport(socket, common, head),
    tls: (socket, carrier) => tlsTransport(socket, common, carrier),
    connect: (target, options) => connectTransport(target, common, options),
  };
}
