import type { Socket } from 'node:net';

import { normalAddress } from '../core/address.ts';
import { badHeader, decodeProxyHeader } from '../wire/proxy.ts';
import { SilentClose, type OpeningSocket } from './opening-socket.ts';

/** Where a client is. */
export interface Peer {
  /** In its shortest form; IPv4 never mapped into IPv6. Empty when the connection was gone before it could be asked. */
  readonly address: string;
  readonly port: number;
  /** Told by a PROXY header, not by the connection. */
  readonly proxied: boolean;
}

/** The other end of the connection itself. */
export function connectionPeer(socket: Socket): Peer {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return { address: normalAddress(remoteAddress) ?? '', port: remotePort, proxied: false };
}

/**
 * Reads the PROXY header, and not a byte more.
 * @param proxy the connection's own peer
 * @returns the client that the header names, or the proxy itself when it speaks for none
 * @throws SilentClose for anything else than a valid header
 */
export async function readProxyHeader(opening: OpeningSocket, proxy: Peer): Promise<Peer> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const header = decode(bytes);
    if (header.kind === 'source') return { address: header.address, port: header.port, proxied: true };
    if (header.kind === 'local') return proxy;
    bytes = Buffer.concat([bytes, await opening.read(header.needed - bytes.length)]);
  }
}

function decode(bytes: Buffer): ReturnType<typeof decodeProxyHeader> {
  try {
    return decodeProxyHeader(bytes);
  } catch (error) {
    throw new SilentClose(badHeader(error instanceof Error ? error.message : 'unreadable PROXY header'));
  }
}
