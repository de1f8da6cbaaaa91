import { provePrincipal, type Mechanism, type Principal } from '../accounts/principal.ts';
import type { AccountCredentials, TokenWithAccount } from '../tokens/credentials.ts';
import { endOf } from '../tokens/standing.ts';

/** To be called once the account's password was found right and the account is not disabled. */
export function provedByPassword(account: AccountCredentials, mechanism: Mechanism): Principal {
  return provePrincipal({ ...ofAccount(account), provedBy: 'password', mechanism, token: null });
}

/** To be called once an identity provider's token was found right and the account that it names is not disabled. */
export function provedByOauth(account: AccountCredentials, mechanism: Mechanism): Principal {
  return provePrincipal({ ...ofAccount(account), provedBy: 'oauth', mechanism, token: null });
}

/** To be called once the token's secret was found right and the token is live. */
export function provedByToken({ account, token }: TokenWithAccount, mechanism: Mechanism): Principal {
  const { tid, label, role, roleGranted, databases, networks, maxSessions, scopes } = token;
  return provePrincipal({
    ...ofAccount(account),
    provedBy: 'token',
    mechanism,
    token: {
      tid,
      label,
      expiresAt: endOf(token),
      databases,
      networks,
      role,
      roleGranted,
      maxSessions,
      scopes,
    },
  });
}

function ofAccount({ uid, name, kind, engineRole, defaultDatabase, databases }: AccountCredentials) {
  return { uid, name, kind, engineRole, defaultDatabase, databases };
}
