import { asciiLower } from '../core/ascii.ts';
import { isWellFormed, tokenDigest } from '../tokens/format.ts';
import type { AccountCredentials } from '../tokens/credentials.ts';
import { checkPassword } from '../tokens/check-password.ts';
import { logInByJwt } from './bearer.ts';
import { looksLikeJwt, type OauthVerifier } from './oauth-verifier.ts';
import { askPassword } from './password-message.ts';
import { provedByPassword, provedByToken } from './proved.ts';
import { refused, requireEnabled, requireLive, subjectOf } from './refusal.ts';
import { LEFT, type LoginClient, type LoginDeps, type LoginOutcome, type TriedClient } from './types.ts';

const NOTHING = Buffer.alloc(0);

/**
 * `$token`: the password is a token of ours or of the identity provider, and its owner is who logs in.
 * @throws LoginRefused `login.not_a_token`, `login.unknown_token`, as the token stands, or as `logInByJwt`; GatewayError as `askPassword`
 */
export async function logInTokenInCleartext(client: TriedClient, deps: LoginDeps): Promise<LoginOutcome> {
  const secret = await askPassword(client);
  if (secret === null) return LEFT;
  const token = tokenText(secret);
  if (token !== null) return byToken(client, token, null, deps);
  const jwt = jwtText(secret, deps);
  if (jwt !== null) return logInByJwt(client, jwt.text, 'cleartext', { ...deps, oauth: jwt.oauth });
  const subject = subjectOf('cleartext', fingerprint(client, secret, deps));
  throw refused(client, 'login.not_a_token', 'the password has not the shape of a token', subject);
}

/**
 * A named user whose password, or one of whose own tokens, comes in cleartext.
 * @throws LoginRefused `login.unknown_user`, `login.wrong_secret`, `login.unknown_token`, `login.wrong_owner`,
 *   `login.owner_disabled`, or as the token stands; GatewayError as `askPassword` and the hasher
 */
export async function logInNamedInCleartext(client: TriedClient, deps: LoginDeps): Promise<LoginOutcome> {
  const secret = await askPassword(client);
  if (secret === null) return LEFT;
  const token = tokenText(secret);
  if (token !== null) return byToken(client, token, client.startup.user, deps);
  const jwt = jwtText(secret, deps);
  if (jwt !== null) return logInByJwt(client, jwt.text, 'cleartext', { ...deps, oauth: jwt.oauth });
  return byPassword(client, secret, deps);
}

/** The text of a secret that has shape and checksum of a token; tested before any look-up. */
function tokenText(secret: Buffer): string | null {
  const text = secret.toString('latin1');
  return isWellFormed(text) ? text : null;
}

/** The text of a secret that looks like an identity provider's token, where one is configured. */
function jwtText(secret: Buffer, { oauth }: LoginDeps): { text: string; oauth: OauthVerifier } | null {
  const text = secret.toString('latin1');
  return oauth !== undefined && looksLikeJwt(text) ? { text, oauth } : null;
}

/** @param owner name or e-mail address of who must own it; null: anyone */
async function byToken(
  client: TriedClient,
  text: string,
  owner: string | null,
  deps: LoginDeps,
): Promise<LoginOutcome> {
  const print = fingerprint(client, Buffer.from(text, 'latin1'), deps);
  await client.mayTest();
  const found = await deps.credentials.byToken(tokenDigest(text));
  if (found === null) {
    const subject = subjectOf('cleartext', print);
    throw refused(client, 'login.unknown_token', 'no such token was ever issued', subject);
  }
  const { account, token } = found;
  if (owner !== null && !(await isNamed(account, owner, deps))) {
    const subject = subjectOf('cleartext', print, account, token);
    throw refused(client, 'login.wrong_owner', `token ${token.tid} belongs to "${account.name}"`, subject);
  }
  requireLive(client, found, 'cleartext', deps.clock.now());
  return { kind: 'proved', principal: provedByToken(found, 'cleartext'), preface: NOTHING };
}

/** Whether a start-up user means this account. One user's e-mail address may be another one's name: the name wins. */
async function isNamed(account: AccountCredentials, nameOrEmail: string, deps: LoginDeps): Promise<boolean> {
  if (account.name === nameOrEmail) return true;
  if (account.email === null || asciiLower(account.email) !== asciiLower(nameOrEmail)) return false;
  return (await deps.credentials.byName(nameOrEmail))?.account.uid === account.uid;
}

async function byPassword(client: TriedClient, secret: Buffer, deps: LoginDeps): Promise<LoginOutcome> {
  const { user } = client.startup;
  await client.mayTest();
  const found = await deps.credentials.byName(user);
  const lane = deps.throttle.lane(client.peer.address);
  const right = await checkPassword(found?.account ?? null, secret, deps.hasher, lane);
  const subject = subjectOf('cleartext', fingerprint(client, secret, deps), found?.account);
  if (found === null) throw refused(client, 'login.unknown_user', `no user is named "${user}"`, subject);
  if (!right) throw refused(client, 'login.wrong_secret', `wrong password of "${user}"`, subject);
  requireEnabled(client, found.account, 'cleartext');
  return { kind: 'proved', principal: provedByPassword(found.account, 'cleartext'), preface: NOTHING };
}

function fingerprint(client: LoginClient, secret: Buffer, deps: LoginDeps): string {
  return deps.throttle.fingerprint(client.startup.user, secret);
}
