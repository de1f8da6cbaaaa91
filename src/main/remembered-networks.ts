import type { BlockList } from 'node:net';
import { networkList } from '../core/networks.ts';

/**
 * Makes lists of networks, and answers with the last one as long as it is asked the same.
 * @returns null for no networks, so that nothing has to be looked up
 */
export function rememberedNetworks(): (networks: readonly string[]) => BlockList | null {
  let last: { readonly networks: readonly string[]; readonly list: BlockList | null } | null = null;
  return (networks) => {
    if (last?.networks !== networks) {
      last = { networks, list: networks.length === 0 ? null : networkList(networks) };
    }
    return last.list;
  };
}
