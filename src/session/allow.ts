import type { PrincipalFacts, PrincipalToken } from '../accounts/principal.ts';
import { GatewayError, fatal } from '../core/errors.ts';
import { addressIn } from '../core/networks.ts';
import type { Peer } from './admit.ts';

/**
 * What a proved principal may do here. Only who has proved the full secret gets this far, so each refusal says what is in
 * the way and whom to ask, in the message itself: drivers drop hints.
 * @throws GatewayError login.role_not_allowed, login.database_not_allowed, login.network_not_allowed (28000)
 */
export function checkAllowed(
  principal: Pick<PrincipalFacts, 'name' | 'databases' | 'engineRole' | 'token'>,
  peer: Pick<Peer, 'address'>,
  database: string,
): void {
  checkRole(principal);
  checkDatabase(principal, database);
  checkNetwork(principal.token, peer);
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

/** @throws GatewayError login.network_not_allowed */
export function checkNetwork(token: PrincipalToken | null, { address }: Pick<Peer, 'address'>): void {
  if (token === null || token.networks === null || addressIn(address, token.networks)) return;
  throw new GatewayError(
    'login.network_not_allowed',
    `token ${token.tid} may not be used from ${address}`,
    fatal(
      '28000',
      `token "${token.label}" may not be used from address ${address}: connect from one of its networks ` +
        'or ask an administrator',
    ),
  );
}
