import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { normalAddress } from './address.ts';

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
 * @returns the network in its canonical form, or null when the text is none
 */
export function parseNetwork(text: string): string | null {
  const trimmed = text.trim();
  const [address = '', bits, ...rest] = trimmed.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return null;
  const most = family === 4 ? 32 : 128;
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most)) return null;
  return `${ipaddr.parse(address).toString()}/${bits === undefined ? most : Number(bits)}`;
}

/** @param networks canonical, as `parseNetwork` gives them; others are passed over */
export function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const canonical = parseNetwork(network);
    if (canonical === null) continue;
    const [address = '', bits = ''] = canonical.split('/');
    list.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/**
 * Whether an address is in one of the networks; an IPv4 address that comes mapped into IPv6 counts as the IPv4 address, and
 * what is no address is in none.
 * @param networks a list that is asked often, or texts as `parseNetwork` gives them, for which no list is made
 */
export function addressIn(address: string, networks: BlockList | readonly string[]): boolean {
  const plain = normalAddress(address);
  if (plain === null) return false;
  if (networks instanceof BlockList) return networks.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  const parsed = ipaddr.parse(plain);
  return networks.some((text) => {
    const [network, bits] = ipaddr.parseCIDR(text);
    return network.kind() === parsed.kind() && parsed.match(network, bits);
  });
}
