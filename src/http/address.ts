import { normalAddress } from '../core/address.ts';
import { addressIn, type NetworkList } from '../core/networks.ts';

/**
 * The client's address: the peer's own, or, while that is a trusted proxy, what it says in X-Forwarded-For, read from the
 * right, since anything further left may be made up.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: NetworkList | null,
): string | null {
  const own = peer === undefined ? null : normalAddress(peer);
  if (own === null || trustedProxies === null || forwardedFor === undefined) return own;
  let address = own;
  for (const hop of forwardedFor.split(',').reverse()) {
    if (!addressIn(address, trustedProxies)) return address;
    const next = hopAddress(hop.trim());
    if (next === null) return address;
    address = next;
  }
  return address;
}

/** Some proxies add the port that a client came from, and brackets around IPv6. */
function hopAddress(hop: string): string | null {
  const [, ipv6, ipv4] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(hop) ?? [];
  return normalAddress(ipv6 ?? ipv4 ?? hop);
}
