import type { Mechanism } from '../accounts/principal.ts';
import { formatDuration } from '../core/duration.ts';
import { fatal, GatewayError, type ClientFault, type ErrorCode } from '../core/errors.ts';
import type { AccountCredentials, TokenWithAccount } from '../tokens/credentials.ts';
import { tokenStanding, type TokenStanding } from '../tokens/standing.ts';
import type { LoginClient } from './types.ts';

/** What is known of the one who was refused; for the audit, never for the client. Holds no key: errors get logged. */
export interface LoginSubject {
  readonly account: { readonly uid: string; readonly name: string } | null;
  readonly token: { readonly tid: string } | null;
  readonly mechanism: Mechanism;
  /** Keyed hash that tells one wrong secret from another; null where none can be had. */
  readonly fingerprint: string | null;
}

/** Takes over ids and names alone. */
export function subjectOf(
  mechanism: Mechanism,
  fingerprint: string | null,
  account?: LoginSubject['account'],
  token?: LoginSubject['token'],
): LoginSubject {
  return {
    account: account ? { uid: account.uid, name: account.name } : null,
    token: token ? { tid: token.tid } : null,
    mechanism,
    fingerprint,
  };
}

/** A secret was tested and does not open a session. Everything that counts as a failed login is one of these. */
export class LoginRefused extends GatewayError {
  readonly subject: LoginSubject;

  constructor(code: ErrorCode, message: string, client: ClientFault, subject: LoginSubject) {
    super(code, message, client);
    this.name = 'LoginRefused';
    this.subject = subject;
  }
}

/** The one answer for whatever must not be told apart; text and SQLSTATE are PostgreSQL's (src/backend/libpq/auth.c). */
export function authenticationFailed(user: string): ClientFault {
  return fatal('28P01', `password authentication failed for user "${user}"`);
}

export function refused(
  client: LoginClient,
  code: ErrorCode,
  message: string,
  subject: LoginSubject,
): LoginRefused {
  return new LoginRefused(code, message, authenticationFailed(client.startup.user), subject);
}

/** Before anything is asked, since a driver sends its password as soon as it is. */
export function tlsRequired({ startup }: LoginClient): GatewayError {
  return new GatewayError(
    'login.tls_required',
    `user "${startup.user}" would have to send a secret in cleartext without TLS`,
    fatal(
      '28000',
      `TLS is required to log in as "${startup.user}": connect with sslmode=require or stricter (JDBC: ssl=true)`,
    ),
  );
}

/**
 * Throws when the owner of a proved password is disabled. Looks like any wrong secret: whoever was locked out, and whoever
 * tries old passwords, need not learn which it was.
 * @throws LoginRefused
 */
export function requireEnabled(client: LoginClient, account: AccountCredentials, mechanism: Mechanism): void {
  if (!account.disabled) return;
  const subject = subjectOf(mechanism, account.uid, account);
  throw refused(client, 'login.owner_disabled', `user "${account.name}" is disabled or removed`, subject);
}

type Dead = Exclude<TokenStanding, 'live'>;

const CODES = {
  revoked: 'login.token_revoked',
  expired: 'login.token_expired',
  owner_disabled: 'login.owner_disabled',
  no_privilege: 'login.no_token_privilege',
  tokens_off: 'login.tokens_off',
} as const satisfies Record<Dead, ErrorCode>;

/**
 * Throws when a token whose secret was proved does not open a session.
 * @throws LoginRefused
 */
export function requireLive(
  client: LoginClient,
  found: TokenWithAccount,
  mechanism: Mechanism,
  now: Date,
): void {
  const standing = tokenStanding(found, now);
  if (standing === 'live') return;
  const { token, account } = found;
  throw new LoginRefused(
    CODES[standing],
    `token ${token.tid} of ${account.name}: ${standing.replaceAll('_', ' ')}`,
    tokenFault(client.startup.user, standing, found, mechanism, now),
    subjectOf(mechanism, token.tid, account, token),
  );
}

/**
 * What the holder of a dead token is told. A revoked one may be in a thief's hands and a disabled owner has left, so both
 * look like any wrong secret. Over SCRAM the same goes for an expired one: there the token itself was never shown, only
 * a proof of it. Whatever an administrator can put right is said in the message, since drivers drop HINT.
 */
function tokenFault(
  user: string,
  standing: Dead,
  { token }: TokenWithAccount,
  mechanism: Mechanism,
  now: Date,
): ClientFault {
  const name = `token "${token.label}" (${token.prefix}…)`;
  switch (standing) {
    case 'revoked':
    case 'owner_disabled':
      return authenticationFailed(user);
    case 'expired':
      if (mechanism !== 'cleartext') return authenticationFailed(user);
      return fatal('28000', `${name} expired ${ago(token.expiresAt, now)}: create a new one and use that`);
    case 'no_privilege':
      return fatal(
        '28000',
        `${name} can not be used: its owner is not permitted to use tokens; an administrator can grant "can use"`,
      );
    case 'tokens_off':
      return fatal(
        '28000',
        `${name} can not be used: tokens are switched off; log in by password, or ask an administrator`,
      );
    default:
      return standing satisfies never;
  }
}

function ago(moment: Date | null, now: Date): string {
  return moment === null ? 'already' : `${formatDuration(now.getTime() - moment.getTime())} ago`;
}
