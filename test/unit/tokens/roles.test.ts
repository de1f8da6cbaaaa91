import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addUser,
  actorOf,
  codeOf,
  createServices,
  issueTo,
  ROOT,
  type Fresh,
  type TestServices,
} from '../../support/services.ts';
import type { Actor } from '../../../src/accounts/actor.ts';
import type { UserView } from '../../../src/accounts/views.ts';
import type { IssueRequest } from '../../../src/tokens/service.ts';
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

describe('by way of a token with the scope "tokens"', () => {
  /** Somebody who came by that token. */
  const by = (user: UserView, { info }: Fresh, more: Partial<Actor> = {}): Actor =>
    actorOf(user, { via: 'token', tid: info.tid, scopes: info.scopes, ...more });

  it.each<[string, Partial<IssueRequest>]>([
    ['goes by its owner’s role', {}],
    ['is limited to its owner’s role', { role: 'reader' }],
    ['was given yet another role', { role: 'dumper' }],
  ])(
    'nobody gets a role that an administrator gave another token, when the first %s',
    async (_name, limits) => {
      const user = await addUser(services, { engineRole: 'reader' });
      const granted = await issueTo(services, user, { role: 'loader' });
      const automation = await issueTo(services, user, { scopes: ['tokens'], ...limits });
      const actor = by(user, automation);
      const issued = services.tokens.issue(actor, { label: 'x', role: 'loader' });
      expect(await codeOf(issued)).toBe('request.forbidden');
      expect(await codeOf(services.tokens.rotate(actor, granted.info.tid))).toBe('request.forbidden');
      expect(await services.tokens.get(ROOT, granted.info.tid)).toMatchObject({ rotatedTo: null });
    },
  );

  it('it is passed on by the token itself, by one that has the same, and by an administrator’s', async () => {
    const user = await addUser(services, { engineRole: 'reader' });
    const grant = () => issueTo(services, user, { role: 'loader', scopes: ['tokens'] });
    const [first, second, third] = [await grant(), await grant(), await grant()];
    const own = await services.tokens.rotate(by(user, first), first.info.tid);
    expect(own.info).toMatchObject({ role: 'loader', roleGranted: true });
    expect(await codeOf(services.tokens.rotate(by(user, first), second.info.tid))).toBe('ok');
    const boss = await addUser(services);
    const full = await issueTo(services, boss, { scopes: ['tokens', 'accounts'] });
    const admin = { privileges: new Set(['can_use', 'manage_all', 'admin'] as const) };
    expect(await codeOf(services.tokens.rotate(by(boss, full, admin), third.info.tid))).toBe('ok');
  });

  it('nobody gets it who manages all, over a token that was made for its owner', async () => {
    const victim = await addUser(services, { engineRole: 'reader' });
    const granted = await issueTo(services, victim, { role: 'loader' });
    const manager = actorOf(await addUser(services), { privileges: new Set(['can_use', 'manage_all']) });
    expect(await codeOf(services.tokens.rotate(manager, granted.info.tid))).toBe('request.forbidden');
    const step = services.tokens.issue(manager, { label: 'x', owner: victim.uid, scopes: ['tokens'] });
    expect(await codeOf(step)).toBe('request.forbidden');
    // One that was there before.
    const older = await issueTo(services, victim, { scopes: ['tokens'] });
    expect(await codeOf(services.tokens.rotate(manager, older.info.tid))).toBe('request.forbidden');
    expect(await codeOf(services.tokens.rotate(by(victim, older), granted.info.tid))).toBe(
      'request.forbidden',
    );
    // Without scopes it can open the owner's sessions, and no more.
    expect(await codeOf(services.tokens.issue(manager, { label: 'x', owner: victim.uid }))).toBe('ok');
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
