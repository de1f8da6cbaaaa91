import type { LoginMethod } from './types.ts';

/** What the client is asked for, by its start-up user alone: nothing is looked up before it has answered. */
export type Asked =
  /** A token in cleartext. */
  | { readonly kind: 'token' }
  /** The token of that id, by SCRAM: its salt can be sent, since it is known which token is meant. */
  | { readonly kind: 'token-by-id'; readonly tid: string }
  /** An identity provider's token, by OAUTHBEARER. */
  | { readonly kind: 'oauth' }
  | { readonly kind: 'named'; readonly method: LoginMethod };

/**
 * Is offered OAUTHBEARER and nothing else. libpq 18 looks at no mechanism behind SCRAM, and fails when SCRAM is not what its
 * `require_auth` says; so it has to be told apart before anything is offered. No user can have a name that begins with $.
 */
export const OAUTH_USER = '$oauth';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @param user of the start-up packet, as it came */
export function askFor(user: string, tokenUsers: readonly string[], method: LoginMethod): Asked {
  if (tokenUsers.includes(user)) return { kind: 'token' };
  if (user === OAUTH_USER) return { kind: 'oauth' };
  const tid = tokenUsers
    .filter((name) => user.startsWith(`${name}.`))
    .map((name) => user.slice(name.length + 1).toLowerCase())
    .find((rest) => UUID.test(rest));
  return tid === undefined ? { kind: 'named', method } : { kind: 'token-by-id', tid };
}
