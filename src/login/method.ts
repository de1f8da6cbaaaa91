import type { LoginMethod } from './types.ts';

/** What the client is asked for, by its start-up user alone: nothing is looked up before it has answered. */
export type Asked =
  /** A token in cleartext. */
  | { readonly kind: 'token' }
  /** The token of that id, by SCRAM: its salt can be sent, since it is known which token is meant. */
  | { readonly kind: 'token-by-id'; readonly tid: string }
  | { readonly kind: 'named'; readonly method: LoginMethod };

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @param user of the start-up packet, as it came */
export function askFor(user: string, tokenUsers: readonly string[], method: LoginMethod): Asked {
  if (tokenUsers.includes(user)) return { kind: 'token' };
  const tid = tokenUsers
    .filter((name) => user.startsWith(`${name}.`))
    .map((name) => user.slice(name.length + 1).toLowerCase())
    .find((rest) => UUID.test(rest));
  return tid === undefined ? { kind: 'named', method } : { kind: 'token-by-id', tid };
}
