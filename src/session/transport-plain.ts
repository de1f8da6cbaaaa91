import type { Socket } from 'node:net';

import type { Transport } from '../wire/transport.ts';
import type { ReadBuffers } from './read-buffers.ts';
import { EventTransport } from './transport-socket.ts';

/**
 * @param socket an accepted connection from which the caller has stopped reading. It must not be used any more
 *   afterwards: its events may never come, or come at once.
 * @param head bytes that the caller read and did not use
 */
export function plainTransport(socket: Socket, _buffers: ReadBuffers, head?: Buffer): Transport {
  return new EventTransport(socket, { encrypted: false, head });
}
