import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addUser,
  actorOf,
  codeOf,
  createServices,
  issueTo,
  ROOT,
  type TestServices,
} from '../../support/services.ts';
import { checkAllowed } from '../../../src/session/allow.ts';
import { provedByToken } from '../../../src/login/proved.ts';
import { tokenDigest } from '../../../src/tokens/format.ts';
import type { Secret } from '../../../src/core/secret.ts';

let services: TestServices;
beforeAll(async () => {
  services = await createServices('roles');
});
afterAll(() => services.drop());

/** What a login with that token meets once its secret is proved. */
async function login(token: Secret): Promise<string> {
  const found = await services.credentials.byToken(tokenDigest(token.reveal()));
  if (found === null) throw new Error('no such token');
  const principal = provedByToken(found, 'cleartext');
  return codeOf(Promise.resolve().then(() => checkAllowed(principal, { address: '192.0.2.1' }, 'sales')));
}

describe('a token that is limited to its owner’s engine role', () => {
  it('loses it with the owner, and has it again with the owner', async () => {
    const user = await addUser(services, { engineRole: 'writer' });
    const { token } = await issueTo(services, user, { role: 'writer' });
    expect(await login(token)).toBe('ok');
    await services.accounts.setUser(ROOT, user.uid, { engineRole: 'reader' });
    expect(await login(token)).toBe('login.role_not_allowed');
    await services.accounts.setUser(ROOT, user.uid, { engineRole: null });
    expect(await login(token)).toBe('login.role_not_allowed');
    await services.accounts.setUser(ROOT, user.uid, { engineRole: 'writer' });
    expect(await login(token)).toBe('ok');
  });

  it('passes no more on to its successor', async () => {
    const user = await addUser(services, { engineRole: 'writer' });
    const { info } = await issueTo(services, user, { role: 'writer' });
    await services.accounts.setUser(ROOT, user.uid, { engineRole: 'reader' });
    const { token } = await services.tokens.rotate(actorOf(user), info.tid);
    if (token === null) throw new Error('no token');
    expect(await login(token)).toBe('login.role_not_allowed');
  });
});

describe('a token that an administrator gave another role', () => {
  it('keeps it whatever the owner’s is, and so does its successor', async () => {
    const user = await addUser(services, { engineRole: 'reader' });
    const { token, info } = await issueTo(services, user, { role: 'loader' });
    expect(await login(token)).toBe('ok');
    await services.accounts.setUser(ROOT, user.uid, { engineRole: 'nobody' });
    expect(await login(token)).toBe('ok');
    const rotated = await services.tokens.rotate(ROOT, info.tid);
    if (rotated.token === null) throw new Error('no token');
    expect(await login(rotated.token)).toBe('ok');
  });

  it('is not for its owner to make', async () => {
    const user = await addUser(services, { engineRole: 'reader' });
    const work = services.tokens.issue(actorOf(user), { label: 'x', role: 'loader' });
    expect(await codeOf(work)).toBe('request.forbidden');
  });
});

describe('a token without a role', () => {
  it('goes by its owner’s, whatever that is', async () => {
    const user = await addUser(services, { engineRole: 'writer' });
    const { token } = await issueTo(services, user);
    await services.accounts.setUser(ROOT, user.uid, { engineRole: 'reader' });
    expect(await login(token)).toBe('ok');
  });
});
