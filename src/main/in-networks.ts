import { addressIn, NetworkList } from '../core/networks.ts';

/**
 * Tells whether an address is in networks that may change, and makes a list of them once for as long as they do not.
 * @param networks asked each time
 */
export function inNetworks(networks: () => readonly string[]): (address: string) => boolean {
  let last: { readonly networks: readonly string[]; readonly list: NetworkList } | null = null;
  return (address) => {
    const now = networks();
    // Nothing has to be looked up where there are none, which is what most have.
    if (now.length === 0) return false;
    if (last?.networks !== now) last = { networks: now, list: new NetworkList(now) };
    return addressIn(address, last.list);
  };
}
