import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import type { UserView } from '../../../src/accounts/views.ts';
import {
  actorOf,
  addUser,
  codeOf,
  createServices,
  issueTo,
  proved,
  ORIGIN,
  PASSWORD,
  ROOT,
  type TestServices,
} from '../../support/services.ts';

let services: TestServices;
beforeAll(async () => {
  services = await createServices('accounts');
});
afterAll(() => services.drop());

const named = (name: string) => `${name}-${randomUUID().slice(0, 8)}`;

describe('names and e-mail addresses', () => {
  it.each([
    ['a name that is another user’s e-mail', (email: string) => ({ name: email })],
    ['the same in other letters', (email: string) => ({ name: email.toUpperCase() })],
    ['an e-mail that another user has', (email: string) => ({ name: named('x'), email })],
    [
      'the same e-mail in other letters',
      (email: string) => ({ name: named('x'), email: email.toUpperCase() }),
    ],
  ])('refuses %s', async (_what, other) => {
    const email = `${named('ada')}@example.com`;
    await addUser(services, { email });
    await expect(services.accounts.addUser(ROOT, other(email))).rejects.toMatchObject({
      code: 'request.conflict',
    });
  });

  it('refuses an e-mail that is another user’s name, for a new user and for an old one', async () => {
    const name = `${named('ada')}@example.com`;
    await addUser(services, { name });
    const other = await addUser(services);
    const email = name.toUpperCase();
    expect(await codeOf(services.accounts.addUser(ROOT, { name: named('x'), email }))).toBe(
      'request.conflict',
    );
    expect(await codeOf(services.accounts.setUser(ROOT, other.uid, { email }))).toBe('request.conflict');
    expect((await services.accounts.getUser(ROOT, { uid: other.uid })).email).toBeNull();
  });

  it('lets a user have the own e-mail as a name, and be found by either', async () => {
    const name = `${named('ada')}@example.com`;
    const { uid } = await addUser(services, { name, email: name });
    for (const nameOrEmail of [name, name.toUpperCase()]) {
      expect((await services.accounts.getUser(ROOT, { nameOrEmail })).uid).toBe(uid);
    }
  });

  it('gives both free when the user is removed, and not when disabled', async () => {
    const name = `${named('ada')}@example.com`;
    const { uid } = await addUser(services, { name, email: `mail-${name}` });
    await services.accounts.disableUser(ROOT, uid);
    const again = { name: `mail-${name}`, email: name };
    expect(await codeOf(services.accounts.addUser(ROOT, again))).toBe('request.conflict');
    await services.accounts.removeUser(ROOT, uid);
    expect(await codeOf(services.accounts.addUser(ROOT, again))).toBe('ok');
  });

  it('has one outcome when a name and the same e-mail are taken at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const text = `${named('race')}@example.com`;
      const codes = await Promise.all([
        codeOf(services.accounts.addUser(ROOT, { name: text })),
        codeOf(services.accounts.addUser(ROOT, { name: named('other'), email: text })),
      ]);
      expect(codes.sort()).toEqual(['ok', 'request.conflict']);
    }
  });

  it.each(['$token', 'token', '$other', '', ' ada', 'a\nb', 'x'.repeat(129)])(
    'refuses %j as a name',
    async (name) => {
      expect(await codeOf(services.accounts.addUser(ROOT, { name }))).toBe('request.invalid');
    },
  );
});

describe('passwords', () => {
  it('end the sessions that were opened with the old one, and let those of tokens be', async () => {
    const user = await addUser(services, { password: PASSWORD });
    const { info } = await issueTo(services, user);
    const { authenticator } = services;
    const byPassword = await authenticator.openSession(proved(actorOf(user)), 'login');
    const byToken = await authenticator.openSession(proved(actorOf(user, { tid: info.tid })), 'login');
    await services.accounts.setPassword(ROOT, user.uid, new Secret('another one'));
    expect((await authenticator.bearer(byPassword.token, ORIGIN)).ok).toBe(false);
    expect((await authenticator.bearer(byToken.token, ORIGIN)).ok).toBe(true);
    expect((await authenticator.password(user.name, PASSWORD, ORIGIN)).ok).toBe(false);
    expect((await authenticator.password(user.name, new Secret('another one'), ORIGIN)).ok).toBe(true);
  });

  it.each(['short', 'x'.repeat(1025), 'with a \0 in it'])('refuses %j', async (text) => {
    const work = addUser(services, { password: new Secret(text) });
    expect(await codeOf(work)).toBe('request.invalid');
  });
});

describe('who may change accounts', () => {
  let admin: UserView;
  let clerk: UserView;
  let ada: UserView;
  let bob: UserView;
  beforeAll(async () => {
    admin = await addUser(services);
    clerk = await addUser(services);
    ada = await addUser(services);
    bob = await addUser(services);
    await services.accounts.grant(ROOT, 'admin', { kind: 'user', name: admin.name });
    await services.accounts.grant(ROOT, 'manage_all', { kind: 'user', name: clerk.name });
  });

  const refresh = (user: UserView) => services.accounts.getUser(ROOT, { uid: user.uid });

  const CHANGES: readonly [string, (actor: ReturnType<typeof actorOf>) => Promise<unknown>][] = [
    ['addUser', (actor) => services.accounts.addUser(actor, { name: named('new') })],
    ['setUser', (actor) => services.accounts.setUser(actor, bob.uid, { displayName: 'Bob' })],
    ['setPassword', (actor) => services.accounts.setPassword(actor, bob.uid, PASSWORD)],
    ['disableUser', (actor) => services.accounts.disableUser(actor, bob.uid)],
    ['enableUser', (actor) => services.accounts.enableUser(actor, bob.uid)],
    ['addGroup', (actor) => services.accounts.addGroup(actor, named('group'))],
    ['removeGroup of none', (actor) => services.accounts.removeGroup(actor, 'nobodies')],
    ['addMember to none', (actor) => services.accounts.addMember(actor, 'nobodies', bob.name)],
    ['grant', (actor) => services.accounts.grant(actor, 'can_use', { kind: 'user', name: bob.name })],
    ['ungrant', (actor) => services.accounts.ungrant(actor, 'can_use', { kind: 'user', name: bob.name })],
    ['policy', (actor) => services.policy.set(actor, { expiryNoticeDays: 7 })],
  ];

  it.each(CHANGES)(
    '%s: an administrator, by password or by a token with the scope',
    async (_name, change) => {
      const actor = actorOf(await refresh(admin));
      const tid = (await issueTo(services, admin)).info.tid;
      const allowed = ['ok', 'request.not_found'];
      expect(allowed).toContain(await codeOf(change(actor)));
      expect(allowed).toContain(await codeOf(change({ ...actor, via: 'token', tid, scopes: ['accounts'] })));
      for (const scopes of [[], ['tokens']]) {
        expect(await codeOf(change({ ...actor, via: 'token', tid, scopes }))).toBe('request.forbidden');
      }
    },
  );

  it.each(CHANGES)('%s: nobody else, and the audit says who tried', async (_name, change) => {
    for (const user of [clerk, ada]) {
      const actor = actorOf(await refresh(user));
      expect(await codeOf(change(actor))).toBe('request.forbidden');
      await services.audit.flush();
      const [row] = await services.audit.list({ uid: user.uid, outcome: 'refused', limit: 1 });
      expect(row).toMatchObject({ reason: 'request.forbidden', actor: { name: user.name } });
    }
  });

  it('lets everyone set the own password, but not by a token without the scope', async () => {
    const actor = actorOf(ada);
    const { info } = await issueTo(services, ada);
    const own = (more: object) =>
      codeOf(services.accounts.setPassword({ ...actor, ...more }, ada.uid, PASSWORD));
    expect(await own({})).toBe('ok');
    expect(await own({ tid: info.tid, scopes: ['tokens'] })).toBe('request.forbidden');
  });

  it('keeps an administrator, also when two would remove each other', async () => {
    const fresh = await createServices('last');
    const [one, two] = await Promise.all([addUser(fresh), addUser(fresh)]);
    for (const { name } of [one, two]) await fresh.accounts.grant(ROOT, 'admin', { kind: 'user', name });
    const codes = await Promise.all([
      codeOf(fresh.accounts.disableUser(ROOT, one.uid)),
      codeOf(fresh.accounts.disableUser(ROOT, two.uid)),
    ]);
    expect(codes.sort()).toEqual(['ok', 'request.conflict']);
    await fresh.drop();
  });
});

describe('groups', () => {
  it('give their members what they were granted, and take it back', async () => {
    const user = await addUser(services);
    const group = named('team');
    const { accounts } = services;
    const privileges = async () => (await accounts.getUser(ROOT, { uid: user.uid })).privileges;
    await accounts.addGroup(ROOT, group);
    await accounts.grant(ROOT, 'manage_all', { kind: 'group', name: group });
    expect(await privileges()).toEqual(['can_use']);
    await accounts.addMember(ROOT, group, user.name);
    expect(await privileges()).toEqual(['can_use', 'manage_all']);
    await accounts.removeMember(ROOT, group, user.name);
    expect(await privileges()).toEqual(['can_use']);
    await accounts.addMember(ROOT, group, user.name);
    await accounts.removeGroup(ROOT, group);
    expect(await privileges()).toEqual(['can_use']);
  });

  it('cannot be added twice, and everyone cannot hold more than can_use', async () => {
    const group = named('team');
    const { accounts } = services;
    await accounts.addGroup(ROOT, group);
    expect(await codeOf(accounts.addGroup(ROOT, group))).toBe('request.conflict');
    expect(await codeOf(accounts.grant(ROOT, 'admin', { kind: 'everyone' }))).toBe('request.invalid');
    const strangers = accounts.grant(ROOT, 'admin', { kind: 'group', name: 'strangers' });
    expect(await codeOf(strangers)).toBe('request.not_found');
  });
});

describe('a list of users', () => {
  it('pages through all, whatever comes and goes', async () => {
    const fresh = await createServices('pages');
    for (let n = 0; n < 25; n += 1) await addUser(fresh, { name: `u${String(n).padStart(2, '0')}` });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await fresh.accounts.listUsers(ROOT, { limit: 10, cursor });
      seen.push(...page.items.map(({ name }) => name));
      cursor = page.nextCursor;
      await addUser(fresh, { name: `a${seen.length}` });
    } while (cursor !== null);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `u${String(n).padStart(2, '0')}`));
    expect(await codeOf(fresh.accounts.listUsers(ROOT, { cursor: 'nonsense' }))).toBe('request.invalid');
    await fresh.drop();
  });
});

describe('a first administrator', () => {
  it('is made once, and its password left alone from then on', async () => {
    const fresh = await createServices('bootstrap');
    const { accounts, authenticator } = fresh;
    expect(await accounts.bootstrapAdmin('root', PASSWORD, { email: 'root@example.com' })).toBe(true);
    expect(await accounts.bootstrapAdmin('root', new Secret('another one'))).toBe(false);
    const { privileges, email } = await accounts.getUser(ROOT, { name: 'root' });
    expect([privileges, email]).toEqual([['can_use', 'manage_all', 'admin'], 'root@example.com']);
    expect((await authenticator.password('root', PASSWORD, ORIGIN)).ok).toBe(true);
    await fresh.drop();
  });
});
