import { NETWORK_CODES, NETWORK_RULES, type NetworkRule } from '../../accounts/network-rules.ts';
import { RequestError, type ErrorCode } from '../../core/errors.ts';

const WHOSE: Readonly<Record<NetworkRule, string>> = {
  policy: 'the networks that the policy allows',
  user: 'the networks that you may log in from',
  token: 'the token’s networks',
};

/**
 * What whoever has proved the full secret is told where nothing but their address is in the way; null where something else is.
 * @param reason why a credential was refused
 */
export function barredFrom(address: string | null, reason: ErrorCode): RequestError | null {
  const rule = ruleOf(reason);
  if (rule === undefined) return null;
  const where = address === null ? 'Your address is not known, and so' : `Your address ${address} is`;
  return new RequestError(
    reason,
    `${where} in none of ${WHOSE[rule]}. Connect from one of them, or ask an administrator.`,
  );
}

/** Whether a credential was refused for nothing but where it came from. */
export function isBarred(reason: ErrorCode): boolean {
  return ruleOf(reason) !== undefined;
}

function ruleOf(reason: ErrorCode): NetworkRule | undefined {
  return NETWORK_RULES.find((rule) => NETWORK_CODES[rule] === reason);
}
