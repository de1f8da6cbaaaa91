import type { PrincipalFacts } from '../accounts/principal.ts';
import { GatewayError, fatal } from '../core/errors.ts';
import { networkList, addressIn } from '../core/networks.ts';
import type { Peer } from './admit.ts';

/**
 * What a proved principal may do here. Only who has proved the full secret gets this far, so each refusal says what is in
 * the way and whom to ask, in the message itself: drivers drop hints.
 * @throws GatewayError login.database_not_allowed, login.network_not_allowed (28000)
 */
export function checkAllowed(
  principal: Pick<PrincipalFacts, 'name' | 'databases' | 'token'>,
  peer: Pick<Peer, 'address'>,
  database: string,
): void {
  if (principal.databases !== null && !principal.databases.includes(database)) {
    throw new GatewayError(
      'login.database_not_allowed',
      `user "${principal.name}" may not reach database "${database}"`,
      fatal(
        '28000',
        `user "${principal.name}" is not allowed to connect to database "${database}"; ask an administrator`,
      ),
    );
  }
  const { token } = principal;
  if (token === null) return;
  if (token.databases !== null && !token.databases.includes(database)) {
    throw new GatewayError(
      'login.database_not_allowed',
      `token ${token.tid} may not reach database "${database}"`,
      fatal(
        '28000',
        `token "${token.label}" is not allowed to connect to database "${database}": it is limited to ` +
          `${token.databases.map((name) => `"${name}"`).join(', ')}; create a token for this database or ask an administrator`,
      ),
    );
  }
  if (token.networks !== null && !addressIn(peer.address, networkList(token.networks))) {
    throw new GatewayError(
      'login.network_not_allowed',
      `token ${token.tid} may not be used from ${peer.address}`,
      fatal(
        '28000',
        `token "${token.label}" may not be used from address ${peer.address}: connect from one of its networks ` +
          'or ask an administrator',
      ),
    );
  }
}
