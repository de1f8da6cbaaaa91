import { RequestError, type ErrorCode } from '../core/errors.ts';
import { addressIn, parseNetwork, type NetworkList } from '../core/networks.ts';
import type { Actor } from './actor.ts';

/** Who may narrow the addresses that a secret is good from, in the order in which they are asked. */
export const NETWORK_RULES = ['policy', 'user', 'token'] as const;
export type NetworkRule = (typeof NETWORK_RULES)[number];

/** What each allows, as `parseNetwork` gives it; null: any address. */
export type NetworkLists<Rule extends NetworkRule = NetworkRule> = Readonly<
  Record<Rule, NetworkList | readonly string[] | null>
>;

/** What logs, audit and metrics call a login that one of them stands in the way of. */
export const NETWORK_CODES = {
  policy: 'login.policy_network_not_allowed',
  user: 'login.user_network_not_allowed',
  token: 'login.network_not_allowed',
} as const satisfies Record<NetworkRule, ErrorCode>;

export type NetworkCode = (typeof NETWORK_CODES)[NetworkRule];

const MOST_NETWORKS = 100;

/**
 * The first that does not allow an address; null when all do.
 * @param address empty when it is not known, which is in no network
 */
export function barringRule<Rule extends NetworkRule>(
  address: string,
  lists: NetworkLists<Rule>,
): Rule | null {
  const asked = NETWORK_RULES.filter((rule): rule is Rule => rule in lists);
  return asked.find((rule) => lists[rule] !== null && !addressIn(address, lists[rule])) ?? null;
}

/** In its canonical form. @throws RequestError request.invalid, for the field `networks` */
export function checkNetwork(text: string): string {
  const network = parseNetwork(text);
  if (network !== null) return network;
  throw invalid(`"${text.slice(0, 60)}" is no IP address or network such as 10.0.0.0/8.`);
}

/**
 * The networks of a user or of the policy, in their canonical form; null, for an empty list, too: no rule.
 * @throws RequestError request.invalid, for the field `networks`
 */
export function checkNetworks(networks: readonly string[] | null): readonly string[] | null {
  if (networks === null || networks.length === 0) return null;
  if (networks.length > MOST_NETWORKS) throw invalid(`At most ${MOST_NETWORKS} networks can be named.`);
  return [...new Set(networks.map(checkNetwork))];
}

/**
 * Keeps those who change a rule from shutting themselves out by it. The command line has no address: it is on the store
 * itself, and so always is a way back.
 * @throws RequestError request.locks_out
 */
export function demandOwnAddress(actor: Actor, networks: readonly string[] | null): void {
  if (networks === null || actor.via === 'cli' || actor.via === 'system') return;
  if (addressIn(actor.address ?? '', networks)) return;
  const address =
    actor.address === null ? 'Your address, which is not known,' : `Your address ${actor.address}`;
  throw new RequestError(
    'request.locks_out',
    `${address} is in none of these networks, so that this change would shut you out. Add your network, or confirm that you mean it.`,
    { field: 'networks' },
  );
}

function invalid(message: string): RequestError {
  return new RequestError('request.invalid', message, { field: 'networks' });
}
