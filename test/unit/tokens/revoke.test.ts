import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/accounts/actor.ts';
import type { UserView } from '../../../src/accounts/views.ts';
import { Secret } from '../../../src/core/secret.ts';
import { databricksId, datahubId } from '../../../src/tokens/alias.ts';
import { generateToken, tokenDigest } from '../../../src/tokens/format.ts';
import { createStandings } from '../../../src/tokens/store-standings.ts';
import { tokenStanding } from '../../../src/tokens/standing.ts';
import {
  actorOf,
  addUser,
  codeOf,
  createServices,
  issueTo,
  proved,
  ORIGIN,
  ROOT,
  type TestServices,
} from '../../support/services.ts';

let services: TestServices;
let ada: UserView;
let actor: Actor;
const manager = (user: UserView): Actor => actorOf(user, { privileges: new Set(['can_use', 'manage_all']) });
beforeAll(async () => {
  services = await createServices('revoke');
});
beforeEach(async () => {
  ada = await addUser(services);
  actor = actorOf(ada);
});
afterAll(() => services.drop());

const told = (tids: readonly string[]) =>
  expect.poll(() => services.events).toContainEqual({ kind: 'tokens', tids, change: 'revoked' });

describe('revoke', () => {
  it('works at once, is told to everyone and audited, and names who did it', async () => {
    const { token, info } = await issueTo(services, ada);
    expect(await services.tokens.revoke(actor, info.tid)).toMatchObject({
      state: 'revoked',
      revokeReason: `revoked by ${ada.name}`,
    });
    const found = await services.credentials.byToken(tokenDigest(token.reveal()));
    expect(found && tokenStanding(found, new Date())).toBe('revoked');
    await told([info.tid]);
    const [row] = await services.audit.list({ tid: info.tid });
    expect(row).toMatchObject({ action: 'token.revoke', target: { id: info.tid }, address: ORIGIN.address });
  });

  it.each([
    ['its tid', (tid: string) => tid],
    ['its tid in capitals', (tid: string) => tid.toUpperCase()],
    ['its Databricks id', databricksId],
    ['its DataHub id', datahubId],
  ])('finds the token by %s', async (_name, alias) => {
    const { info } = await issueTo(services, ada);
    await services.tokens.revoke(actor, alias(info.tid), 'gone');
    expect((await services.tokens.get(actor, alias(info.tid))).revokeReason).toBe('gone');
  });

  it('a second time is a conflict, and changes nothing', async () => {
    const { info } = await issueTo(services, ada);
    const first = await services.tokens.revoke(actor, info.tid, 'first');
    expect(await codeOf(services.tokens.revoke(actor, info.tid, 'second'))).toBe('request.conflict');
    expect(await services.tokens.get(actor, info.tid)).toEqual(first);
  });

  it('works on expired tokens', async () => {
    const { info } = await issueTo(services, ada, { lifetime: { ms: 1 } });
    expect((await services.tokens.revoke(actor, info.tid)).state).toBe('revoked');
  });

  it.each(['', 'x'.repeat(201), 'a\nb', '\u0000'])('refuses the reason %j', async (reason) => {
    const { info } = await issueTo(services, ada);
    expect(await codeOf(services.tokens.revoke(actor, info.tid, reason))).toBe('request.invalid');
    expect((await services.tokens.get(actor, info.tid)).state).toBe('live');
  });

  it('is the owner’s and the managers’; for others the token does not exist', async () => {
    const { info } = await issueTo(services, ada);
    const bob = await addUser(services);
    for (const id of [info.tid, randomUUID(), 'nonsense', '%', '']) {
      expect(await codeOf(services.tokens.revoke(actorOf(bob), id))).toBe('request.not_found');
      expect(await codeOf(services.tokens.get(actorOf(bob), id))).toBe('request.not_found');
    }
    expect(await codeOf(services.tokens.revoke(manager(bob), info.tid))).toBe('ok');
  });
});

describe('revokeMany', () => {
  it('revokes all, counting those that were not', async () => {
    const all = await Promise.all([1, 2, 3].map(() => issueTo(services, ada)));
    const [first, ...rest] = all.map(({ info }) => info.tid);
    await services.tokens.revoke(actor, first ?? '');
    expect(await services.tokens.revokeMany(actor, [first ?? '', ...rest, ...rest], 'clean-up')).toBe(2);
    for (const tid of rest) {
      expect(await services.tokens.get(actor, tid)).toMatchObject({
        state: 'revoked',
        revokeReason: 'clean-up',
      });
    }
    expect(await services.tokens.revokeMany(actor, [])).toBe(0);
  });

  it('revokes none when one is not there, or not the actor’s', async () => {
    const bob = await addUser(services);
    const [mine, other] = [await issueTo(services, ada), await issueTo(services, bob)];
    for (const id of [randomUUID(), 'nonsense', other.info.tid]) {
      expect(await codeOf(services.tokens.revokeMany(actor, [mine.info.tid, id]))).toBe('request.not_found');
    }
    expect((await services.tokens.get(actor, mine.info.tid)).state).toBe('live');
    const thousand = Array.from({ length: 1001 }, () => randomUUID());
    expect(await codeOf(services.tokens.revokeMany(actor, thousand))).toBe('request.invalid');
  });

  it('by two at once in opposite order ends both ways with all revoked', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => issueTo(services, ada)));
    const ids = all.map(({ info }) => info.tid);
    const counts = await Promise.all([
      services.tokens.revokeMany(actor, ids),
      services.tokens.revokeMany(ROOT, [...ids].reverse()),
    ]);
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 8]);
    expect(await services.audit.verify()).toMatchObject({ ok: true });
  });
});

describe('revokeAll', () => {
  it('takes all of one user’s and none of others', async () => {
    const bob = await addUser(services);
    await issueTo(services, ada);
    await issueTo(services, ada, { lifetime: { ms: 1 } });
    const other = await issueTo(services, bob);
    expect(await codeOf(services.tokens.revokeAll(actorOf(bob), ada.uid))).toBe('request.forbidden');
    expect(await services.tokens.revokeAll(actor, ada.uid)).toBe(2);
    expect(await services.tokens.revokeAll(manager(bob), ada.uid)).toBe(0);
    expect((await services.tokens.get(ROOT, other.info.tid)).state).toBe('live');
    expect(await services.tokens.revokeAll(ROOT, 'nonsense')).toBe(0);
  });
});

describe('edit', () => {
  it('changes label and description and nothing else', async () => {
    const { info } = await issueTo(services, ada, { description: 'old' });
    const edited = await services.tokens.edit(actor, info.tid, { label: 'new', description: null });
    expect(edited).toEqual({ ...info, label: 'new', description: null });
    expect(await services.tokens.edit(actor, info.tid, {})).toEqual(edited);
    expect(await codeOf(services.tokens.edit(actor, info.tid, { label: '' }))).toBe('request.invalid');
    const bob = await addUser(services);
    expect(await codeOf(services.tokens.edit(actorOf(bob), info.tid, { label: 'x' }))).toBe(
      'request.not_found',
    );
    const [row] = await services.audit.list({ tid: info.tid });
    expect(row).toMatchObject({
      action: 'token.edit',
      detail: { before: { label: 'test', description: 'old' } },
    });
  });
});

describe('a token that was found somewhere', () => {
  it('is revoked by whoever has it, as often as it is reported', async () => {
    const { token, info } = await issueTo(services, ada);
    expect(await services.tokens.reportLeaked(token, ORIGIN)).toBe('revoked');
    expect(await services.tokens.get(actor, info.tid)).toMatchObject({
      state: 'revoked',
      revokeReason: 'reported as leaked',
    });
    await told([info.tid]);
    const rows = await services.audit.list({ action: 'token.leaked', tid: info.tid });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ actor: { name: 'leak report' }, address: ORIGIN.address });
  });

  it('is dead already: it leaves nothing in the audit, however often it is reported', async () => {
    const [revoked, expired] = [
      await issueTo(services, ada),
      await issueTo(services, ada, { lifetime: { ms: 1 } }),
    ];
    await services.tokens.revoke(actor, revoked.info.tid);
    services.clock.move(10);
    expect(await services.tokens.reportLeaked(expired.token, ORIGIN)).toBe('revoked');
    const before = await services.audit.list({ limit: 1 });
    for (const { token } of [revoked, expired, revoked, expired]) {
      expect(await services.tokens.reportLeaked(token, ORIGIN)).toBe('dead');
    }
    await services.audit.flush();
    expect(await services.audit.list({ limit: 1 })).toEqual(before);
  });

  it('is not one of ours', async () => {
    for (const text of [generateToken('pat').reveal(), generateToken('session').reveal(), 'nonsense', '']) {
      expect(await services.tokens.reportLeaked(new Secret(text), ORIGIN)).toBe('unknown');
    }
  });

  it('is a session token: it ends, the token behind it does not', async () => {
    const { info } = await issueTo(services, ada);
    const owner = actorOf(ada, { via: 'token', tid: info.tid });
    const session = await services.authenticator.openSession(proved(owner), 'login');
    expect(await services.tokens.reportLeaked(session.token, ORIGIN)).toBe('revoked');
    expect((await services.authenticator.bearer(session.token, ORIGIN)).ok).toBe(false);
    expect((await services.tokens.get(actor, info.tid)).state).toBe('live');
    const [row] = await services.audit.list({ action: 'token.leaked', limit: 1 });
    expect(row).toMatchObject({
      actor: { name: 'leak report' },
      target: { kind: 'session', id: null, name: ada.name },
      detail: { owner: ada.uid, tid: info.tid, kind: 'login' },
      ...ORIGIN,
    });
    expect(await services.tokens.reportLeaked(session.token, ORIGIN)).toBe('unknown');
  });

  it('is what a token was exchanged for: everyone looks at the sessions of that token', async () => {
    const { authenticator, tokens, credentials } = services;
    const standings = createStandings({ store: services.test.store, clock: services.clock });
    const { info } = await issueTo(services, ada);
    const owner = actorOf(ada, { via: 'token', tid: info.tid });
    const ends = [
      (token: Secret) => tokens.reportLeaked(token, ORIGIN),
      (token: Secret) => authenticator.endSession(token, ORIGIN),
    ];
    for (const end of ends) {
      const { token } = await authenticator.openSession(proved(owner), 'exchange');
      const found = await credentials.byToken(tokenDigest(token.reveal()));
      const id = found?.token.exchange ?? '';
      expect(await standings.exchanges([id])).toEqual(new Set([id]));
      const told = services.events.length;
      await end(token);
      expect(await standings.exchanges([id])).toEqual(new Set());
      const event = { kind: 'tokens', tids: [info.tid], change: 'exchange_ended' };
      await expect.poll(() => services.events.slice(told)).toContainEqual(event);
    }
  });
});

describe('lookup', () => {
  it('tells managers whose token it is', async () => {
    const { token, info } = await issueTo(services, ada);
    expect((await services.tokens.lookup(ROOT, token))?.tid).toBe(info.tid);
    expect(await services.tokens.lookup(ROOT, generateToken('pat'))).toBeNull();
    expect(await services.tokens.lookup(ROOT, new Secret('x'))).toBeNull();
    expect(await codeOf(services.tokens.lookup(actor, token))).toBe('request.forbidden');
  });
});

describe('revocation and what reads it at the same moment', () => {
  it('a login that read before is caught by the look at its standing afterwards', async () => {
    const standings = createStandings({ store: services.test.store, clock: services.clock });
    for (let round = 0; round < 10; round += 1) {
      const { token, info } = await issueTo(services, ada);
      const login = async () => {
        const found = await services.credentials.byToken(tokenDigest(token.reveal()));
        const proved = found !== null && tokenStanding(found, new Date()) === 'live';
        // A session enters the registry, then asks again: this is what closes the gap.
        const report = (await standings.tokens([info.tid])).get(info.tid);
        return { proved, standing: report?.standing };
      };
      const [{ proved, standing }] = await Promise.all([login(), services.tokens.revoke(actor, info.tid)]);
      const later = (await standings.tokens([info.tid])).get(info.tid)?.standing;
      expect(later).toBe('revoked');
      if (!proved) expect(standing).toBe('revoked');
    }
  });
});
