import { SocketAddress } from 'node:net';

/** An address as it is shown, stored and compared: IPv4 that came mapped into IPv6 as IPv4, no zone, shortest form. */
export function canonicalAddress(address: string): string {
  const [bare = ''] = address.split('%', 1);
  if (!bare.includes(':')) return bare;
  const shortest = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(shortest)?.[1] ?? shortest;
}
