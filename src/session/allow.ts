import { barringRule, type NetworkCode } from '../accounts/network-rules.ts';
import type { PrincipalFacts } from '../accounts/principal.ts';
import { GatewayError, fatal } from '../core/errors.ts';
import type { Peer } from './admit.ts';

/**
 * What a proved principal may do here. Only who has proved the full secret gets this far, so each refusal says what is in
 * the way and whom to ask, in the message itself: drivers drop hints.
 * @throws GatewayError login.role_not_allowed, login.database_not_allowed, one of NETWORK_CODES (28000)
 */
export function checkAllowed(
  principal: Pick<PrincipalFacts, 'name' | 'databases' | 'engineRole' | 'token' | NetworkFact>,
  peer: Pick<Peer, 'address'>,
  database: string,
): void {
  checkNetwork(principal, peer);
  checkRole(principal);
  checkDatabase(principal, database);
}

/**
 * A role that was the owner's own is the token's no longer than the owner's.
 * @throws GatewayError login.role_not_allowed
 */
export function checkRole({
  name,
  engineRole,
  token,
}: Pick<PrincipalFacts, 'name' | 'engineRole' | 'token'>): void {
  if (token === null || token.role === null || token.roleGranted || token.role === engineRole) return;
  const limited = `is limited to role "${token.role}", which is no longer that of user "${name}"`;
  throw new GatewayError(
    'login.role_not_allowed',
    `token ${token.tid} ${limited}`,
    fatal('28000', `token "${token.label}" ${limited}; create another token or ask an administrator`),
  );
}

/** @throws GatewayError login.database_not_allowed */
export function checkDatabase(
  { name, databases, token }: Pick<PrincipalFacts, 'name' | 'databases' | 'token'>,
  database: string,
): void {
  if (databases !== null && !databases.includes(database)) {
    throw new GatewayError(
      'login.database_not_allowed',
      `user "${name}" may not reach database "${database}"`,
      fatal(
        '28000',
        `user "${name}" is not allowed to connect to database "${database}"; ask an administrator`,
      ),
    );
  }
  if (token === null || token.databases === null || token.databases.includes(database)) return;
  throw new GatewayError(
    'login.database_not_allowed',
    `token ${token.tid} may not reach database "${database}"`,
    fatal(
      '28000',
      `token "${token.label}" is not allowed to connect to database "${database}": it is limited to ` +
        `${token.databases.map((one) => `"${one}"`).join(', ')}; create a token for this database or ask an administrator`,
    ),
  );
}

type NetworkFact = 'networks' | 'policyNetworks';
type NetworkFacts = Pick<PrincipalFacts, 'name' | 'token' | NetworkFact>;

/**
 * The address has to be in the policy's networks, the user's and the token's.
 * @throws GatewayError one of NETWORK_CODES
 */
export function checkNetwork(facts: NetworkFacts, { address }: Pick<Peer, 'address'>): void {
  const { name, token, networks, policyNetworks } = facts;
  const lists = { policy: policyNetworks, user: networks, token: token?.networks ?? null };
  const rule = barringRule(address, lists);
  const user = `user "${name}" may not log in from address ${address}`;
  switch (rule) {
    case null:
      return;
    case 'policy': {
      const told = `${user}: connect from one of the networks that the policy allows`;
      throw barred('login.policy_network_not_allowed', `the policy lets nobody log in from ${address}`, told);
    }
    case 'user': {
      const told = `${user}: connect from one of that user's networks`;
      throw barred('login.user_network_not_allowed', `user "${name}" may not log in from ${address}`, told);
    }
    case 'token': {
      const told = `token "${token?.label ?? ''}" may not be used from address ${address}: connect from one of its networks`;
      const reason = `token ${token?.tid ?? ''} may not be used from ${address}`;
      throw barred('login.network_not_allowed', reason, told);
    }
    default:
      rule satisfies never;
  }
}

/** @param reason for the log; what the client is `told` ends in whom to ask */
function barred(code: NetworkCode, reason: string, told: string): GatewayError {
  return new GatewayError(code, reason, fatal('28000', `${told} or ask an administrator`));
}
