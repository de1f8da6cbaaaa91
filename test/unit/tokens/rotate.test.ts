import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/accounts/actor.ts';
import type { UserView } from '../../../src/accounts/views.ts';
import { DAY_MS, HOUR_MS } from '../../../src/core/duration.ts';
import { tokenDigest } from '../../../src/tokens/format.ts';
import { tokenStanding } from '../../../src/tokens/standing.ts';
import {
  actorOf,
  addUser,
  codeOf,
  createServices,
  issueTo,
  ROOT,
  type Fresh,
  type TestServices,
} from '../../support/services.ts';

let services: TestServices;
let ada: UserView;
let actor: Actor;
let old: Fresh;
beforeAll(async () => {
  services = await createServices('rotate');
});
beforeEach(async () => {
  services.clock.reset();
  ada = await addUser(services);
  actor = actorOf(ada);
  old = await issueTo(services, ada, {
    label: 'etl',
    description: 'nightly',
    lifetime: { ms: 10 * DAY_MS },
    databases: ['sales'],
    maxSessions: 4,
    scopes: ['tokens'],
  });
});
afterAll(() => services.drop());

const rotate = (id: string, request?: Parameters<TestServices['tokens']['rotate']>[2]) =>
  services.tokens.rotate(actor, id, request);

async function standingOf(raw: string): Promise<string> {
  const found = await services.credentials.byToken(tokenDigest(raw));
  return found === null ? 'unknown' : tokenStanding(found, services.clock.now());
}

describe('rotate', () => {
  it('gives a new secret with the same label and limits, and lets the old one live on for a day', async () => {
    const { token, info } = await rotate(old.info.tid);
    expect(info).toMatchObject({
      label: 'etl',
      description: 'nightly',
      databases: ['sales'],
      maxSessions: 4,
      scopes: ['tokens'],
      rotatedFrom: old.info.tid,
      rotatedTo: null,
      state: 'live',
    });
    expect(Number(info.expiresAt) - Number(info.createdAt)).toBe(10 * DAY_MS);
    const before = await services.tokens.get(actor, old.info.tid);
    expect(before).toMatchObject({ state: 'live', rotatedTo: info.tid, revokedAt: null, revokeReason: null });
    expect(before.expiresAt).toEqual(old.info.expiresAt);
    services.clock.move(DAY_MS - HOUR_MS);
    expect(await standingOf(old.token.reveal())).toBe('live');
    services.clock.move(HOUR_MS);
    expect(await standingOf(old.token.reveal())).toBe('revoked');
    expect(await standingOf(token?.reveal() ?? '')).toBe('live');
    expect(await services.tokens.get(actor, old.info.tid)).toMatchObject({
      state: 'revoked',
      revokeReason: 'rotated',
      revokedAt: before.retiresAt,
    });
  });

  it('can end the old one at once, and tells everyone', async () => {
    const { info } = await rotate(old.info.tid, { overlapMs: 0 });
    expect(await standingOf(old.token.reveal())).toBe('revoked');
    await expect
      .poll(() => services.events)
      .toContainEqual({ kind: 'tokens', tids: [old.info.tid], change: 'revoked' });
    const [row] = await services.audit.list({ action: 'token.rotate', tid: old.info.tid });
    expect(row).toMatchObject({ actor: { name: ada.name }, detail: { successor: info.tid, overlapMs: 0 } });
  });

  it.each<[string, Parameters<TestServices['tokens']['rotate']>[2], number]>([
    ['as asked', { lifetime: { ms: DAY_MS } }, DAY_MS],
    ['the maximum', { lifetime: 'maximum' }, 180 * DAY_MS],
  ])('lifetime: %s', async (_name, request, expected) => {
    const { info } = await rotate(old.info.tid, request);
    expect(Number(info.expiresAt) - Number(info.createdAt)).toBe(expected);
  });

  it('cuts the old lifetime to what the policy allows by now', async () => {
    await services.policy.set(ROOT, { maxLifetimeMs: DAY_MS, neverExpiringAllowed: false });
    const { info } = await rotate(old.info.tid);
    expect(Number(info.expiresAt) - Number(info.createdAt)).toBe(DAY_MS);
    await services.policy.set(ROOT, { maxLifetimeMs: 180 * DAY_MS });
  });

  it.each<[string, Parameters<TestServices['tokens']['rotate']>[2], string]>([
    ['a negative overlap', { overlapMs: -1 }, 'request.invalid'],
    ['an endless overlap', { overlapMs: 31 * DAY_MS }, 'request.invalid'],
    ['half a millisecond', { overlapMs: 0.5 }, 'request.invalid'],
    ['too long a lifetime', { lifetime: { ms: 181 * DAY_MS } }, 'policy.lifetime_too_long'],
  ])('refuses %s', async (_name, request, code) => {
    expect(await codeOf(rotate(old.info.tid, request))).toBe(code);
    expect((await services.tokens.get(actor, old.info.tid)).rotatedTo).toBeNull();
  });

  it('is for tokens that live', async () => {
    const [revoked, brief] = [
      await issueTo(services, ada),
      await issueTo(services, ada, { lifetime: { ms: 1 } }),
    ];
    await services.tokens.revoke(actor, revoked.info.tid);
    expect(await codeOf(rotate(revoked.info.tid))).toBe('request.conflict');
    services.clock.move(10);
    expect(await codeOf(rotate(brief.info.tid))).toBe('request.conflict');
    expect(await codeOf(rotate('nonsense'))).toBe('request.not_found');
  });

  it('is for the owner, and for who manages all', async () => {
    const [bob, manager] = [await addUser(services), await addUser(services)];
    expect(await codeOf(services.tokens.rotate(actorOf(bob), old.info.tid))).toBe('request.not_found');
    const asManager = actorOf(manager, { privileges: new Set(['can_use', 'manage_all']) });
    const plain = await issueTo(services, ada);
    expect((await services.tokens.rotate(asManager, plain.info.tid)).info).toMatchObject({
      uid: ada.uid,
      creatorUid: manager.uid,
    });
  });

  it('is not for who manages all where the secret could do what needs an administrator', async () => {
    const manager = await addUser(services);
    const asManager = actorOf(manager, { privileges: new Set(['can_use', 'manage_all']) });
    const withScopes = [
      await issueTo(services, ada, { scopes: ['accounts'] }),
      await issueTo(services, ada, { scopes: ['tokens'] }),
    ];
    const withRole = await issueTo(services, ada, { role: 'postgres' });
    for (const { info } of [...withScopes, withRole]) {
      expect(await codeOf(services.tokens.rotate(asManager, info.tid))).toBe('request.forbidden');
      expect(await codeOf(rotate(info.tid))).toBe('ok');
    }
  });

  it('by way of a token needs the scope, and no narrower limits than it has', async () => {
    const wide = await issueTo(services, ada);
    const by = (tid: string, scopes: readonly string[]) => actorOf(ada, { via: 'token', tid, scopes });
    expect(await codeOf(services.tokens.rotate(by(old.info.tid, []), old.info.tid))).toBe(
      'request.forbidden',
    );
    expect(await codeOf(services.tokens.rotate(by(old.info.tid, ['tokens']), wide.info.tid))).toBe(
      'request.forbidden',
    );
    expect(await codeOf(services.tokens.rotate(by(old.info.tid, ['tokens']), old.info.tid))).toBe('ok');
  });

  it('does not run into the maximum of live tokens, but not endlessly over it either', async () => {
    await services.policy.set(ROOT, { maxLiveTokensPerUser: 2 });
    let newest = old.info.tid;
    for (let i = 0; i < 2; i += 1) newest = (await rotate(newest)).info.tid;
    expect(await codeOf(rotate(newest))).toBe('policy.too_many_tokens');
    expect(await codeOf(rotate(newest, { overlapMs: 0 }))).toBe('ok');
    await services.policy.set(ROOT, { maxLiveTokensPerUser: 32 });
  });
});

describe('of rotations that meet', () => {
  it('one rotates, the others are told who was first', async () => {
    const answers = await Promise.allSettled(Array.from({ length: 6 }, () => rotate(old.info.tid)));
    const done = answers.filter((answer) => answer.status === 'fulfilled');
    expect(done).toHaveLength(1);
    const successor = done[0]?.value.info.tid;
    for (const answer of answers) {
      if (answer.status === 'fulfilled') continue;
      expect(answer.reason).toMatchObject({
        code: 'request.conflict',
        message: expect.stringContaining(successor ?? '') as string,
      });
    }
    const { items } = await services.tokens.list(actor, {});
    expect(items).toHaveLength(2);
  });

  it('and have one idempotency key, one rotates and all get the same token', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => rotate(old.info.tid, { idempotencyKey: 'nightly-1' })),
    );
    expect(new Set(answers.map(({ info }) => info.tid)).size).toBe(1);
    expect(answers.filter(({ token }) => token !== null)).toHaveLength(1);
    // And much later, when the first answer was lost.
    const again = await rotate(old.info.tid, { idempotencyKey: 'nightly-1' });
    expect(again).toMatchObject({ token: null, info: { tid: answers[0]?.info.tid } });
  });

  it('a revocation, the old one is revoked, whoever was first', async () => {
    const [rotated] = await Promise.allSettled([
      rotate(old.info.tid),
      services.tokens.revoke(actor, old.info.tid, 'stolen'),
    ]);
    expect(await standingOf(old.token.reveal())).toBe('revoked');
    expect(await services.tokens.get(actor, old.info.tid)).toMatchObject({ revokeReason: 'stolen' });
    if (rotated.status === 'rejected') expect(rotated.reason).toMatchObject({ code: 'request.conflict' });
  });
});

describe('a token in its overlap', () => {
  it('can still be revoked, once', async () => {
    await rotate(old.info.tid);
    await services.tokens.revoke(actor, old.info.tid, 'stolen');
    expect(await services.tokens.get(actor, old.info.tid)).toMatchObject({
      state: 'revoked',
      revokeReason: 'stolen',
    });
    expect(await codeOf(services.tokens.revoke(actor, old.info.tid))).toBe('request.conflict');
  });

  it('cannot be rotated again, its successor can', async () => {
    const { info } = await rotate(old.info.tid);
    expect(await codeOf(rotate(old.info.tid))).toBe('request.conflict');
    expect(await codeOf(rotate(info.tid))).toBe('ok');
  });
});
