import type { Mechanism } from '../accounts/principal.ts';
import { formatDuration } from '../core/duration.ts';
import {
  fatal,
  GatewayError,
  type ClientFault,
  type CodeWith,
  type ErrorCode,
  type SqlStateOf,
} from '../core/errors.ts';
import type { AccountCredentials, TokenWithAccount } from '../tokens/credentials.ts';
import { tokenStanding } from '../tokens/standing.ts';
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
export class LoginRefused<Code extends ErrorCode = ErrorCode> extends GatewayError<Code> {
  readonly subject: LoginSubject;

  constructor(code: Code, message: string, client: ClientFault<SqlStateOf<Code>>, subject: LoginSubject) {
    super(code, message, client);
    this.name = 'LoginRefused';
    this.subject = subject;
  }
}

/** The one answer for whatever must not be told apart; text and SQLSTATE are PostgreSQL's (src/backend/libpq/auth.c). */
export function authenticationFailed(user: string): ClientFault<'28P01'> {
  return fatal('28P01', `password authentication failed for user "${user}"`);
}

export function refused(
  client: LoginClient,
  code: CodeWith<'28P01'>,
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

/**
 * Throws when a token whose secret was proved does not open a session. A revoked one may be in a thief's hands and a disabled
 * owner has left, so both look like any wrong secret. Over SCRAM the same goes for an expired one: there the token itself was
 * never shown, only a proof of it. Whatever an administrator can put right is said in the message, since drivers drop HINT.
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
  const subject = subjectOf(mechanism, token.tid, account, token);
  const message = `token ${token.tid} of ${account.name}: ${standing.replaceAll('_', ' ')}`;
  const name = `token "${token.label}" (${token.prefix}…)`;
  const told = (code: CodeWith<'28000'>, text: string): LoginRefused =>
    new LoginRefused(code, message, fatal('28000', text), subject);
  switch (standing) {
    case 'revoked':
      throw refused(client, 'login.token_revoked', message, subject);
    case 'owner_disabled':
      throw refused(client, 'login.owner_disabled', message, subject);
    case 'expired':
      if (mechanism !== 'cleartext') throw refused(client, 'login.token_expired', message, subject);
      throw told(
        'login.token_expired',
        `${name} expired ${ago(token.expiresAt, now)}: create a new one and use that`,
      );
    case 'no_privilege':
      throw told(
        'login.no_token_privilege',
        `${name} can not be used: its owner is not permitted to use tokens; an administrator can grant "can use"`,
      );
    case 'tokens_off':
      throw told(
        'login.tokens_off',
        `${name} can not be used: tokens are switched off; log in by password, or ask an administrator`,
      );
    default:
      standing satisfies never;
  }
}

function ago(moment: Date | null, now: Date): string {
  return moment === null ? 'already' : `${formatDuration(now.getTime() - moment.getTime())} ago`;
}
