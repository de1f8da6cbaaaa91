import {
  provePrincipal,
  type Mechanism,
  type Principal,
  type PrincipalToken,
} from '../accounts/principal.ts';
import type { AccountCredentials, TokenWithAccount } from '../tokens/credentials.ts';
import { endOf } from '../tokens/standing.ts';

/** To be called once the account's password was found right and the account is not disabled. */
export function provedByPassword(account: AccountCredentials, mechanism: Mechanism): Principal {
  return proved(account, 'password', mechanism, null);
}

/** To be called once an identity provider's token was found right and the account that it names is not disabled. */
export function provedByOauth(account: AccountCredentials, mechanism: Mechanism): Principal {
  return proved(account, 'oauth', mechanism, null);
}

/** To be called once the token's secret was found right and the token is live. */
export function provedByToken({ account, token }: TokenWithAccount, mechanism: Mechanism): Principal {
  const { tid, exchange, label, role, roleGranted, databases, networks, maxSessions, scopes } = token;
  const expiresAt = endOf(token);
  const limits = {
    tid,
    exchange,
    label,
    expiresAt,
    databases,
    networks,
    role,
    roleGranted,
    maxSessions,
    scopes,
  };
  return proved(account, 'token', mechanism, limits);
}

function proved(
  account: AccountCredentials,
  provedBy: Principal['provedBy'],
  mechanism: Mechanism,
  token: PrincipalToken | null,
): Principal {
  const { uid, name, kind, engineRole, defaultDatabase, databases, networks, policyNetworks } = account;
  const passwordVersion = provedBy === 'password' ? account.passwordVersion : null;
  return provePrincipal({
    uid,
    name,
    kind,
    provedBy,
    mechanism,
    token,
    passwordVersion,
    engineRole,
    defaultDatabase,
    databases,
    networks,
    policyNetworks,
  });
}
