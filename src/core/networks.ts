import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { normalAddress } from './address.ts';

const MAPPED_BITS = 96;

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
 * @returns the network in its canonical form, as one of IPv4 where it was written mapped into IPv6, or null when the text is none
 */
export function parseNetwork(text: string): string | null {
  const trimmed = text.trim();
  const [address = '', bits, ...rest] = trimmed.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return null;
  const most = family === 4 ? 32 : 128;
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most)) return null;
  return canonical(ipaddr.parse(address), bits === undefined ? most : Number(bits));
}

function canonical(address: ipaddr.IPv4 | ipaddr.IPv6, bits: number): string {
  if (address instanceof ipaddr.IPv4) return `${address.toString()}/${bits}`;
  if (address.isIPv4MappedAddress() && bits >= MAPPED_BITS) {
    return `${address.toIPv4Address().toString()}/${bits - MAPPED_BITS}`;
  }
  return `${new ipaddr.IPv6(address.parts).toString()}/${bits}`;
}

/** Networks that are asked often. */
export class NetworkList {
  /** Apart: a BlockList finds an IPv4 address in each IPv6 network that has its mapped form, as `::/0` has. */
  readonly #lists = { 4: new BlockList(), 6: new BlockList() };

  /** @param networks canonical, as `parseNetwork` gives them; others are passed over */
  constructor(networks: readonly string[]) {
    for (const network of networks.map(parseNetwork)) {
      if (network === null) continue;
      const [address = '', bits = ''] = network.split('/');
      if (isIP(address) === 4) this.#lists[4].addSubnet(address, Number(bits), 'ipv4');
      else this.#lists[6].addSubnet(address, Number(bits), 'ipv6');
    }
  }

  /** @param address in its normal form */
  has(address: string): boolean {
    return isIP(address) === 4
      ? this.#lists[4].check(address, 'ipv4')
      : this.#lists[6].check(address, 'ipv6');
  }
}

/**
 * Whether an address is in one of the networks; an IPv4 address that comes mapped into IPv6 counts as the IPv4 address, and
 * what is no address is in none.
 * @param networks a list that is asked often, or texts as `parseNetwork` gives them, for which no list is made
 */
export function addressIn(address: string, networks: NetworkList | readonly string[]): boolean {
  const plain = normalAddress(address);
  if (plain === null) return false;
  if (networks instanceof NetworkList) return networks.has(plain);
  const parsed = ipaddr.parse(plain);
  return networks.some((text) => {
    const [network, bits] = ipaddr.parseCIDR(text);
    return network.kind() === parsed.kind() && parsed.match(network, bits);
  });
}
