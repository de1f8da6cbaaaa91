import { expect } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { asAdmin } from './database.ts';
import type { TestGateway, TestToken, TestUser } from './gateway.ts';

/** Whom the rows are about, and the secrets that they use. */
export interface People {
  readonly ada: TestUser;
  readonly bob: TestUser;
  /** Disabled. */
  readonly eve: TestUser;
  readonly tokens: Readonly<Record<TokenName, TestToken>>;
  /** An identity provider's, for ada. */
  readonly oauthToken: string;
}

type TokenName = 'ada' | 'bob' | 'revoked' | 'expired' | 'elsewhere' | 'faraway';

const ACTOR = systemActor('test');

/** @param roles the engine's, of ada and bob; eve has bob's */
export async function addPeople(
  gateway: TestGateway,
  roles: { readonly ada: string; readonly bob: string },
  oauthToken: string,
): Promise<People> {
  const ada = await gateway.addUser('ada', { email: 'ada@example.com', engineRole: roles.ada });
  const bob = await gateway.addUser('bob', { engineRole: roles.bob });
  const eve = await gateway.addUser('eve', { engineRole: roles.bob });
  const tokens = {
    ada: await gateway.issueToken(ada),
    bob: await gateway.issueToken(bob),
    revoked: await gateway.issueToken(ada, { label: 'revoked' }),
    expired: await gateway.issueToken(ada, { label: 'expired' }),
    elsewhere: await gateway.issueToken(ada, { label: 'elsewhere', databases: ['sales'] }),
    faraway: await gateway.issueToken(ada, { label: 'faraway', networks: ['192.0.2.0/24'] }),
  };
  await gateway.services.tokens.revoke(ACTOR, tokens.revoked.tid);
  await asAdmin(
    `UPDATE patgate.tokens SET expires_at = now() - interval '49 hours' WHERE tid = '${tokens.expired.tid}'`,
    gateway.store.url,
  );
  await gateway.services.accounts.disableUser(ACTOR, eve.uid);
  return { ada, bob, eve, tokens, oauthToken };
}

export interface LoginRow {
  readonly user: string;
  readonly secret: string;
  /** Whose session it becomes, or what the client is told. */
  readonly outcome: 'ada' | Refusal;
}

export interface Refusal {
  readonly code: string;
  readonly message: string | RegExp;
}

type Method = 'scram-sha-256' | 'cleartext';

/** Ways in, and ways that must not be ways in, for every client. */
export const LOGIN_ROWS: Readonly<Record<string, (people: People, method: Method) => LoginRow>> = {
  'user and password': ({ ada }) => letIn('ada', ada.password),
  'e-mail and password': ({ ada }) => letIn('ada@example.com', ada.password),
  'user and own token': ({ tokens }) => letIn('ada', tokens.ada.token),
  'e-mail and own token': ({ tokens }) => letIn('ada@example.com', tokens.ada.token),
  '$token and a token': ({ tokens }) => letIn('$token', tokens.ada.token),
  'token and a token': ({ tokens }) => letIn('token', tokens.ada.token),
  '$token.<tid> and that token': ({ tokens }) => letIn(`$token.${tokens.ada.tid}`, tokens.ada.token),
  '$token and a token of the identity provider': ({ oauthToken }) => letIn('$token', oauthToken),
  'user and own token of the identity provider': ({ oauthToken }, method) =>
    method === 'cleartext' ? letIn('ada', oauthToken) : refused('ada', oauthToken),
  'a wrong password': () => refused('ada', 'not the password'),
  'another user’s token': ({ tokens }) => refused('ada', tokens.bob.token),
  'an unknown user': ({ ada }) => refused('nobody', ada.password),
  'a disabled user and their password': ({ eve }) => refused('eve', eve.password),
  '$token and a password': ({ ada }) => refused('$token', ada.password),
  '$token.<tid> and another token': ({ tokens }) => refused(`$token.${tokens.ada.tid}`, tokens.bob.token),
  'user and a revoked token': ({ tokens }) => refused('ada', tokens.revoked.token),
  '$token and a revoked token': ({ tokens }) => refused('$token', tokens.revoked.token),
  'user and an expired token': ({ tokens: { expired } }, method) =>
    method === 'cleartext' ? refused('ada', expired.token, EXPIRED) : refused('ada', expired.token),
  '$token and an expired token': ({ tokens }) => refused('$token', tokens.expired.token, EXPIRED),
  'user and a token for another database': ({ tokens }) => refused('ada', tokens.elsewhere.token, ELSEWHERE),
  '$token and a token for another network': ({ tokens }) => refused('$token', tokens.faraway.token, FARAWAY),
};

function letIn(user: string, secret: string): LoginRow {
  return { user, secret, outcome: 'ada' };
}

function refused(user: string, secret: string, outcome: Refusal = wrongPassword(user)): LoginRow {
  return { user, secret, outcome };
}

function wrongPassword(user: string): Refusal {
  return { code: '28P01', message: `password authentication failed for user "${user}"` };
}

const EXPIRED: Refusal = {
  code: '28000',
  message: /^token "expired" \(pat_\w+…\) expired 2 days ago: create a new one and use that$/,
};

const ELSEWHERE: Refusal = {
  code: '28000',
  message:
    /^token "elsewhere" is not allowed to connect to database "\w+": it is limited to "sales"; create a token for this database or ask an administrator$/,
};

const FARAWAY: Refusal = {
  code: '28000',
  message:
    'token "faraway" may not be used from address 127.0.0.1: connect from one of its networks or ask an administrator',
};

/** The log, at its most talkative level, and the audit hold who was there, and no secret of theirs. */
export function expectNoSecrets(gateway: TestGateway, people: People): void {
  const log = JSON.stringify(gateway.logged());
  expect(log).toContain('"msg"');
  const { ada, bob, eve, tokens, oauthToken } = people;
  const passwords = [ada, bob, eve].map(({ password }) => password);
  const secrets = [...passwords, ...Object.values(tokens).map(({ token }) => token), oauthToken];
  for (const secret of secrets) expect(log.includes(secret), 'a secret is in the log').toBe(false);
}
