import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PRIVILEGES, type Actor } from '../../../src/accounts/actor.ts';
import type { UserView } from '../../../src/accounts/views.ts';
import { DAY_MS } from '../../../src/core/duration.ts';
import { deriveKeys } from '../../../src/scram/keys.ts';
import { kindOfToken, tokenDigest } from '../../../src/tokens/format.ts';
import type { IssueRequest } from '../../../src/tokens/service.ts';
import {
  actorOf,
  addUser,
  codeOf,
  createServices,
  issueTo,
  ROOT,
  type TestServices,
} from '../../support/services.ts';

let services: TestServices;
let ada: UserView;
beforeAll(async () => {
  services = await createServices('issue');
});
beforeEach(async () => {
  ada = await addUser(services, { engineRole: 'analyst' });
});
afterEach(async () => {
  const { maxLiveTokensPerUser } = await services.policy.get();
  if (maxLiveTokensPerUser !== 32) await services.policy.set(ROOT, { maxLiveTokensPerUser: 32 });
});
afterAll(() => services.drop());

const issue = (actor: Actor, request: Partial<IssueRequest> = {}) =>
  services.tokens.issue(actor, { label: 'laptop', ...request });

describe('issue', () => {
  it('gives a token that a login finds by all three ways', async () => {
    const { token, info } = await issueTo(services, ada);
    const raw = token.reveal();
    expect(kindOfToken(raw)).toBe('pat');
    const [byDigest, byTid] = [
      await services.credentials.byToken(tokenDigest(raw)),
      await services.credentials.byTid(info.tid),
    ];
    const byName = await services.credentials.byName(ada.name);
    expect(byDigest?.token).toEqual(byTid?.token);
    expect(byName?.tokens).toEqual([byTid?.token]);
    const { scramSalt, scramIterations } = byName?.account ?? {};
    const keys = await deriveKeys(raw, { salt: scramSalt ?? Buffer.of(), iterations: scramIterations ?? 0 });
    expect(byTid?.token).toMatchObject({ storedKey: keys.storedKey, serverKey: keys.serverKey });
  });

  it('shows everything but the secret', async () => {
    const { token, info } = await issueTo(services, ada, {
      label: '  laptop ',
      description: 'for\ntests',
      lifetime: { ms: 5000 },
      databases: ['sales'],
      networks: ['10.0.0.1'],
      maxSessions: 3,
      role: 'analyst',
      scopes: ['tokens'],
    });
    expect(info).toMatchObject({
      uid: ada.uid,
      owner: ada.name,
      ownerNumericId: ada.numericId,
      creatorUid: null,
      creator: 'root',
      creatorNumericId: null,
      kind: 'personal',
      label: 'laptop',
      description: 'for\ntests',
      prefix: token.reveal().slice(0, 10),
      state: 'live',
      lastUsedAt: null,
      databases: ['sales'],
      networks: ['10.0.0.1/32'],
      maxSessions: 3,
      role: 'analyst',
      scopes: ['tokens'],
      revokedAt: null,
      rotatedFrom: null,
    });
    expect(Number(info.expiresAt) - Number(info.createdAt)).toBe(5000);
    expect(JSON.stringify(info)).not.toContain(token.reveal().slice(10));
  });

  it('leaves the secret nowhere in the store, the audit or the events', async () => {
    const { token } = await issueTo(services, ada);
    const secret = token.reveal().slice(4);
    const client = await services.test.store.connect();
    const tables = await client.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'patgate'`,
    );
    expect(tables.rows.length).toBeGreaterThan(10);
    for (const { name } of tables.rows) {
      const rows = await client.query(`select t::text from patgate.${name} t`);
      expect(JSON.stringify(rows.rows)).not.toContain(secret);
    }
    await client.end();
    expect(JSON.stringify(services.events)).not.toContain(secret);
  });

  it('is audited in the same transaction', async () => {
    const { info } = await issueTo(services, ada);
    const [row] = await services.audit.list({ tid: info.tid });
    expect(row).toMatchObject({
      action: 'token.issue',
      outcome: 'ok',
      actor: { name: 'root', via: 'system' },
      target: { kind: 'token', id: info.tid, name: 'test' },
    });
  });

  it.each<[string, IssueRequest['lifetime'], number]>([
    ['left out', undefined, 30 * DAY_MS],
    ['the default', 'default', 30 * DAY_MS],
    ['the maximum', 'maximum', 180 * DAY_MS],
    ['exactly the maximum', { ms: 180 * DAY_MS }, 180 * DAY_MS],
    ['a second', { ms: 1000 }, 1000],
  ])('lifetime: %s', async (_name, lifetime, expected) => {
    const { info } = await issueTo(services, ada, lifetime === undefined ? {} : { lifetime });
    expect(Number(info.expiresAt) - Number(info.createdAt)).toBe(expected);
  });

  it.each<[string, Partial<IssueRequest>, string]>([
    ['over the maximum', { lifetime: { ms: 180 * DAY_MS + 1 } }, 'policy.lifetime_too_long'],
    ['far over', { lifetime: { ms: Number.MAX_VALUE } }, 'policy.lifetime_too_long'],
    ['for ever', { lifetime: 'never' }, 'policy.never_expiring'],
    ['no time', { lifetime: { ms: 0 } }, 'request.invalid'],
    ['negative', { lifetime: { ms: -1 } }, 'request.invalid'],
    ['not a number', { lifetime: { ms: Number.NaN } }, 'request.invalid'],
    ['without label', { label: '   ' }, 'request.invalid'],
    ['with a long label', { label: 'x'.repeat(251) }, 'request.invalid'],
    ['with control characters', { label: 'a\u0000b' }, 'request.invalid'],
    ['with half a character', { label: 'a\ud800' }, 'request.invalid'],
    ['with a NUL in the description', { description: '\u0000' }, 'request.invalid'],
    ['with a bad network', { networks: ['nowhere'] }, 'request.invalid'],
    ['for nobody', { owner: randomUUID() }, 'request.not_found'],
    ['for no uid', { owner: 'ada' }, 'request.not_found'],
    ['with a key that has spaces', { idempotencyKey: 'a b' }, 'request.invalid'],
  ])('refuses: %s', async (_name, request, code) => {
    expect(await codeOf(issue(ROOT, { owner: ada.uid, ...request }))).toBe(code);
  });

  it('can be for ever where the policy says so, and a lowered maximum cuts the default', async () => {
    await services.policy.set(ROOT, { neverExpiringAllowed: true, maxLifetimeMs: 10 * DAY_MS });
    const forEver = await issueTo(services, ada, { lifetime: 'never' });
    const byDefault = await issueTo(services, ada);
    await services.policy.set(ROOT, { neverExpiringAllowed: false, maxLifetimeMs: 180 * DAY_MS });
    expect(forEver.info.expiresAt).toBeNull();
    expect(Number(byDefault.info.expiresAt) - Number(byDefault.info.createdAt)).toBe(10 * DAY_MS);
    // What exists keeps its expiry.
    expect((await services.tokens.get(ROOT, forEver.info.tid)).state).toBe('live');
  });

  it('counts live tokens only against the maximum', async () => {
    await services.policy.set(ROOT, { maxLiveTokensPerUser: 2 });
    const first = await issueTo(services, ada);
    await issueTo(services, ada);
    expect(await codeOf(issueTo(services, ada))).toBe('policy.too_many_tokens');
    await services.tokens.revoke(ROOT, first.info.tid);
    await issueTo(services, ada, { lifetime: { ms: 1 } });
    await issueTo(services, ada);
    expect(await codeOf(issueTo(services, ada))).toBe('policy.too_many_tokens');
    const other = await addUser(services);
    await issueTo(services, other);
  });

  it('does not let two requests at once go over the maximum', async () => {
    await services.policy.set(ROOT, { maxLiveTokensPerUser: 5 });
    const codes = await Promise.all(Array.from({ length: 9 }, () => codeOf(issueTo(services, ada))));
    expect(codes.filter((code) => code === 'ok')).toHaveLength(5);
    expect(codes.filter((code) => code === 'policy.too_many_tokens')).toHaveLength(4);
  });
});

describe('who may issue', () => {
  it('oneself, with can_use; for others, with manage_all', async () => {
    const [bob, manager] = [await addUser(services), await addUser(services)];
    await services.accounts.grant(ROOT, 'manage_all', { kind: 'user', name: manager.name });
    const asManager = actorOf(manager, { privileges: new Set(['can_use', 'manage_all']) });
    expect((await issue(actorOf(ada))).info).toMatchObject({ owner: ada.name, creator: ada.name });
    expect(await codeOf(issue(actorOf(ada), { owner: bob.uid }))).toBe('request.forbidden');
    expect((await issue(asManager, { owner: bob.uid })).info).toMatchObject({
      owner: bob.name,
      creatorUid: manager.uid,
      creatorNumericId: manager.numericId,
    });
    expect(await codeOf(issue(ROOT))).toBe('request.invalid');
    await services.audit.flush();
    const [refusal] = await services.audit.list({ outcome: 'refused', uid: ada.uid });
    expect(refusal).toMatchObject({ action: 'token.issue', reason: 'request.forbidden' });
  });

  it('nobody for who is disabled, removed or may not use tokens', async () => {
    await services.accounts.disableUser(ROOT, ada.uid);
    expect(await codeOf(issueTo(services, ada))).toBe('request.conflict');
    await services.accounts.enableUser(ROOT, ada.uid);
    await services.accounts.ungrant(ROOT, 'can_use', { kind: 'everyone' });
    // The actor's own view of the privileges may be old; the store's counts.
    expect(await codeOf(issue(actorOf(ada)))).toBe('policy.no_privilege');
    await services.accounts.grant(ROOT, 'can_use', { kind: 'user', name: ada.name });
    expect(await codeOf(issue(actorOf(ada)))).toBe('ok');
    await services.accounts.grant(ROOT, 'can_use', { kind: 'everyone' });
    await services.accounts.removeUser(ROOT, ada.uid);
    expect(await codeOf(issueTo(services, ada))).toBe('request.not_found');
  });

  it('nobody while tokens are off', async () => {
    await services.policy.set(ROOT, { tokensEnabled: false });
    expect(await codeOf(issueTo(services, ada))).toBe('policy.tokens_off');
    await services.policy.set(ROOT, { tokensEnabled: true });
    expect(await codeOf(issueTo(services, ada))).toBe('ok');
  });

  it('only administrators with a role that is not the owner’s own', async () => {
    expect(await codeOf(issue(actorOf(ada), { role: 'postgres' }))).toBe('request.forbidden');
    expect(await codeOf(issue(actorOf(ada), { role: 'analyst' }))).toBe('ok');
    const manager = actorOf(ada, { uid: randomUUID(), privileges: new Set(['can_use', 'manage_all']) });
    expect(await codeOf(issue(manager, { owner: ada.uid, role: 'postgres' }))).toBe('request.forbidden');
    expect(await codeOf(issue(ROOT, { owner: ada.uid, role: 'postgres' }))).toBe('ok');
  });

  it('with manage_all nothing for others that could do more than open their sessions', async () => {
    const boss = await addUser(services);
    await services.accounts.grant(ROOT, 'admin', { kind: 'user', name: boss.name });
    const manager = actorOf(ada, { privileges: new Set(['can_use', 'manage_all']) });
    const forBoss = (scopes: IssueRequest['scopes'] & object): Promise<string> =>
      codeOf(issue(manager, { owner: boss.uid, scopes }));
    expect(await forBoss([])).toBe('ok');
    expect(await forBoss(['accounts'])).toBe('request.forbidden');
    expect(await forBoss(['tokens', 'accounts'])).toBe('request.forbidden');
    expect(await forBoss(['tokens'])).toBe('request.forbidden');
    expect(await codeOf(issue(actorOf(ada), { scopes: ['accounts'] }))).toBe('ok');
    expect(await codeOf(issue(ROOT, { owner: boss.uid, scopes: ['accounts'] }))).toBe('ok');
  });

  it('by an administrator’s token with another role only if it has the scope for that', async () => {
    const { info } = await issueTo(services, ada, { scopes: ['tokens', 'accounts'] });
    const by = (scopes: readonly string[]): Actor =>
      actorOf(ada, { via: 'token', tid: info.tid, scopes, privileges: new Set(PRIVILEGES) });
    expect(await codeOf(issue(by(['tokens']), { role: 'postgres' }))).toBe('request.forbidden');
    expect(await codeOf(issue(by(['tokens', 'accounts']), { role: 'postgres' }))).toBe('ok');
  });
});

describe('by way of a token', () => {
  const asToken = (tid: string, scopes: readonly string[]): Actor =>
    actorOf(ada, { via: 'token', tid, scopes });

  it('needs the scope', async () => {
    const { info } = await issueTo(services, ada);
    expect(await codeOf(issue(asToken(info.tid, [])))).toBe('request.forbidden');
    expect(await codeOf(issue(asToken(info.tid, ['accounts'])))).toBe('request.forbidden');
    expect(await codeOf(issue({ ...asToken(info.tid, []), via: 'session' }))).toBe('request.forbidden');
  });

  it('is never wider than that token', async () => {
    const parent = await issueTo(services, ada, {
      scopes: ['tokens'],
      databases: ['sales'],
      networks: ['10.0.0.0/8'],
    });
    const actor = asToken(parent.info.tid, parent.info.scopes);
    expect((await issue(actor)).info).toMatchObject({
      databases: ['sales'],
      networks: ['10.0.0.0/8'],
      scopes: [],
    });
    expect(await codeOf(issue(actor, { databases: ['hr'] }))).toBe('request.forbidden');
    expect(await codeOf(issue(actor, { networks: ['0.0.0.0/0'] }))).toBe('request.forbidden');
    expect(await codeOf(issue(actor, { scopes: ['accounts'] }))).toBe('request.forbidden');
    expect(await codeOf(issue(actor, { scopes: ['tokens'], networks: ['10.9.0.0/16'] }))).toBe('ok');
  });

  it('fails once that token is revoked, whatever the actor was told before', async () => {
    const parent = await issueTo(services, ada, { scopes: ['tokens'] });
    const actor = asToken(parent.info.tid, ['tokens']);
    await services.tokens.revoke(ROOT, parent.info.tid);
    expect(await codeOf(issue(actor))).toBe('request.forbidden');
    expect(await codeOf(issue({ ...actor, tid: randomUUID() }))).toBe('request.forbidden');
  });
});

describe('idempotency keys', () => {
  it('make a repeated request give the first token’s facts, without its secret', async () => {
    const actor = actorOf(ada);
    const first = await issue(actor, { idempotencyKey: 'k1' });
    const again = await issue(actor, { idempotencyKey: 'k1', label: 'whatever' });
    expect(first.token).not.toBeNull();
    expect(again.token).toBeNull();
    expect(again.info.tid).toBe(first.info.tid);
    expect((await issue(actor, { idempotencyKey: 'k2' })).info.tid).not.toBe(first.info.tid);
  });

  it('of one caller are not those of another', async () => {
    const bob = await addUser(services);
    await issue(actorOf(ada), { idempotencyKey: 'same' });
    expect((await issue(actorOf(bob), { idempotencyKey: 'same' })).token).not.toBeNull();
  });

  it('hold when the requests come at the same time', async () => {
    const both = await Promise.all(
      Array.from({ length: 6 }, () => issue(actorOf(ada), { idempotencyKey: 'race' })),
    );
    expect(new Set(both.map(({ info }) => info.tid)).size).toBe(1);
    expect(both.filter(({ token }) => token !== null)).toHaveLength(1);
  });

  it('cannot be used for something else', async () => {
    const actor = actorOf(ada);
    const { info } = await issue(actor, { idempotencyKey: 'mixed' });
    expect(await codeOf(services.tokens.rotate(actor, info.tid, { idempotencyKey: 'mixed' }))).toBe(
      'request.conflict',
    );
  });
});
