import { isIP, type BlockList } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An address in its shortest form; an IPv4 address that came in an IPv6 one is IPv4 again. Null when it is none. */
export function normalAddress(text: string): string | null {
  return ipaddr.isValid(text) ? ipaddr.process(text).toString() : null;
}

/**
 * What one sender can be held to: the IPv4 address, or the /64 that an IPv6 host can hop about in.
 * @param address normal form
 */
export function limiterKey(address: string): string {
  if (isIP(address) !== 6) return address;
  const bytes = ipaddr.IPv6.parse(address).toByteArray();
  return Buffer.from(bytes.slice(0, 8)).toString('hex');
}

function isTrusted(address: string, proxies: BlockList): boolean {
  return proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * The client's address: the peer's own, or, while that is a trusted proxy, what it says in X-Forwarded-For, read from the
 * right, since anything further left may be made up.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: BlockList | null,
): string | null {
  const own = peer === undefined ? null : normalAddress(peer);
  if (own === null || trustedProxies === null || forwardedFor === undefined) return own;
  let address = own;
  for (const hop of forwardedFor.split(',').reverse()) {
    if (!isTrusted(address, trustedProxies)) return address;
    const next = normalAddress(hop.trim());
    if (next === null) return address;
    address = next;
  }
  return address;
}

/** Whether a listener on `host` can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback';
}
