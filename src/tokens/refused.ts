import {
  barringRule,
  NETWORK_CODES,
  type NetworkLists,
  type NetworkRule,
} from '../accounts/network-rules.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Authentication } from './authenticator.ts';
import type { AccountCredentials } from './credentials.ts';
import type { Origin } from './service.ts';

const NETWORK_REASONS: ReadonlySet<ErrorCode> = new Set(Object.values(NETWORK_CODES));

export type Refused = Extract<Authentication, { ok: false }>;

export function refused(reason: ErrorCode, subject: Refused['subject'] = null): Refused {
  return { ok: false, reason, subject };
}

/** To be asked once a secret was found right. Null: it may be used from there. */
export function refusedThere<Rule extends NetworkRule>(
  { address }: Origin,
  lists: NetworkLists<Rule>,
  subject: Refused['subject'],
): Refused | null {
  const rule = barringRule(address ?? '', lists);
  return rule === null ? null : refused(NETWORK_CODES[rule], subject);
}

/** The lists that bind an account, whatever it proved itself by. */
export function networksOf(account: AccountCredentials): NetworkLists<'policy' | 'user'> {
  return { policy: account.policyNetworks, user: account.networks };
}

/** @param answer to a token that came with a name; who it is that is named. Another's token is none for that name. */
export function ofNamed(answer: Authentication, uid: string | null): Authentication {
  const isProved = answer.ok || NETWORK_REASONS.has(answer.reason);
  const owner = answer.ok ? answer.actor : answer.subject;
  return isProved && owner?.uid !== uid ? refused('login.wrong_owner', owner) : answer;
}
