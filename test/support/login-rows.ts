import { expect } from 'vitest';
import type { TestGateway, TestToken, TestUser } from './gateway.ts';

/** One way of logging in, with what the client is given. */
export interface LoginRow {
  readonly title: string;
  readonly user: string;
  readonly secret: string;
}

export interface People {
  readonly ada: TestUser;
  readonly adasToken: TestToken;
  readonly bob: TestUser;
  readonly bobsToken: TestToken;
}

/** Two users with a password and a token each. */
export async function addPeople(gateway: TestGateway): Promise<People> {
  const ada = await gateway.addUser('ada', { email: 'ada@example.com' });
  const bob = await gateway.addUser('bob');
  return {
    ada,
    adasToken: await gateway.issueToken(ada),
    bob,
    bobsToken: await gateway.issueToken(bob),
  };
}

/** Every way in that all clients have. */
export const WAYS_IN = [
  'user and password',
  'e-mail and password',
  'user and own token',
  'e-mail and own token',
  '$token and a token',
  'token and a token',
  '$token.<tid> and that token',
] as const;

/** Every way that must be refused like a wrong password. */
export const NO_WAYS_IN = [
  'a wrong password',
  'another user’s token',
  'an unknown user',
  '$token and a password',
  '$token.<tid> and another token',
] as const;

export function loginRow(
  title: (typeof WAYS_IN)[number] | (typeof NO_WAYS_IN)[number],
  { ada, adasToken, bobsToken }: People,
): LoginRow {
  const { token, tid } = adasToken;
  switch (title) {
    case 'user and password':
      return { title, user: 'ada', secret: ada.password };
    case 'e-mail and password':
      return { title, user: 'ada@example.com', secret: ada.password };
    case 'user and own token':
      return { title, user: 'ada', secret: token };
    case 'e-mail and own token':
      return { title, user: 'ada@example.com', secret: token };
    case '$token and a token':
      return { title, user: '$token', secret: token };
    case 'token and a token':
      return { title, user: 'token', secret: token };
    case '$token.<tid> and that token':
      return { title, user: `$token.${tid}`, secret: token };
    case 'a wrong password':
      return { title, user: 'ada', secret: 'not the password' };
    case 'another user’s token':
      return { title, user: 'ada', secret: bobsToken.token };
    case 'an unknown user':
      return { title, user: 'nobody', secret: ada.password };
    case '$token and a password':
      return { title, user: '$token', secret: ada.password };
    case '$token.<tid> and another token':
      return { title, user: `$token.${tid}`, secret: bobsToken.token };
  }
}

/** The log, at its most talkative level, and the audit hold who was there, and no secret of theirs. */
export function expectNoSecrets(gateway: TestGateway, people: People): void {
  const log = JSON.stringify(gateway.logged());
  expect(log).toContain('ada');
  const secrets = [people.ada.password, people.bob.password, people.adasToken.token, people.bobsToken.token];
  for (const secret of secrets) expect(log.includes(secret), 'a secret is in the log').toBe(false);
}
