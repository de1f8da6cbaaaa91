import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * An address as it is shown, stored and compared: in its shortest form, without a zone, and IPv4 again where it came mapped
 * into IPv6. Null when it is none.
 */
export function normalAddress(text: string): string | null {
  const zone = text.indexOf('%');
  const bare = zone < 0 ? text : text.slice(0, zone);
  const family = isIP(bare);
  // Node takes no form of an IPv4 address but the shortest.
  if (family === 4) return bare;
  return family === 0 ? null : ipaddr.process(bare).toString();
}

/**
 * What one sender can be held to: the IPv4 address, or the /64 that an IPv6 host can hop about in.
 * @param address normal form
 */
export function addressBlock(address: string): string {
  if (isIP(address) !== 6) return address;
  const bytes = ipaddr.IPv6.parse(address).toByteArray();
  return Buffer.from(bytes.slice(0, 8)).toString('hex');
}

/** Whether a listener on `host` can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback';
}
