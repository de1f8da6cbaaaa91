import type { Actor } from '../accounts/actor.ts';
import type { AccountCredentials, TokenCredential } from './credentials.ts';
import type { Origin } from './service.ts';

/** A user who has proved who they are, with what they may do by the way they came. */
export function effectiveActor(
  account: Pick<AccountCredentials, 'uid' | 'name' | 'privileges'>,
  by: {
    readonly via: 'password' | 'token' | 'session' | 'oauth';
    readonly token: Pick<TokenCredential, 'tid' | 'scopes'> | null;
    readonly origin: Origin;
  },
): Actor & { readonly uid: string } {
  return {
    uid: account.uid,
    name: account.name,
    privileges: account.privileges,
    via: by.via,
    tid: by.token?.tid ?? null,
    scopes: by.token?.scopes ?? [],
    address: by.origin.address,
    application: by.origin.application,
  };
}
