import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../src/core/duration.ts';
import { provedByToken } from '../../../src/login/proved.ts';
import { requireLive } from '../../../src/login/refusal.ts';
import { createStandings } from '../../../src/tokens/store-standings.ts';
import { tokenDigest } from '../../../src/tokens/format.ts';
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
beforeAll(async () => {
  services = await createServices('races');
});
afterAll(() => services.drop());

describe('a policy change while tokens are made', () => {
  it('binds each of them or none of it: what was made before stays, what comes after is refused', async () => {
    const user = await addUser(services);
    const actor = actorOf(user);
    await services.policy.set(ROOT, { maxLifetimeMs: 90 * DAY_MS, maxLiveTokensPerUser: 128 });
    const made = Array.from({ length: 12 }, (_, n) =>
      codeOf(services.tokens.issue(actor, { label: `t${n}`, lifetime: { ms: 60 * DAY_MS } })),
    );
    const changed = services.policy.set(ROOT, { maxLifetimeMs: 30 * DAY_MS });
    const more = Array.from({ length: 12 }, (_, n) =>
      codeOf(services.tokens.issue(actor, { label: `u${n}`, lifetime: { ms: 60 * DAY_MS } })),
    );
    const codes = await Promise.all([...made, ...more]);
    await changed;
    expect(new Set(codes).size).toBeLessThanOrEqual(2);
    expect(codes.every((code) => code === 'ok' || code === 'policy.lifetime_too_long')).toBe(true);
    // The audit has them in the order in which they took place: nothing over the maximum comes after the change.
    const rows = await services.audit.list({ limit: 1000 });
    const change = rows.find(({ action }) => action === 'policy.set')?.seq ?? 0;
    const issued = rows.filter(({ action, actor: by }) => action === 'token.issue' && by.uid === user.uid);
    const ok = issued.filter(({ outcome }) => outcome === 'ok');
    expect(ok).toHaveLength(codes.filter((code) => code === 'ok').length);
    expect(ok.every(({ seq }) => seq < change)).toBe(true);
    expect(await codeOf(services.tokens.issue(actor, { label: 'late', lifetime: { ms: 60 * DAY_MS } }))).toBe(
      'policy.lifetime_too_long',
    );
    await services.policy.set(ROOT, { maxLifetimeMs: 180 * DAY_MS });
  });

  it('that switches tokens off lets none be made afterwards', async () => {
    const user = await addUser(services);
    const actor = actorOf(user);
    const work = Array.from({ length: 8 }, (_, n) =>
      codeOf(services.tokens.issue(actor, { label: `t${n}` })),
    );
    const off = services.policy.set(ROOT, { tokensEnabled: false });
    const codes = await Promise.all(work);
    await off;
    expect(codes.every((code) => code === 'ok' || code === 'policy.tokens_off')).toBe(true);
    const { items } = await services.tokens.list(ROOT, { owner: user.uid });
    expect(items).toHaveLength(codes.filter((code) => code === 'ok').length);
    expect(items.every(({ state }) => state === 'tokens_off')).toBe(true);
    await services.policy.set(ROOT, { tokensEnabled: true });
  });
});

describe('a revocation at each point of a login', () => {
  /** The steps of a login that read the store, and the look that follows once its session is watched. */
  const STEPS = ['before it', 'after the token was read', 'after the session is watched'] as const;

  it.each(STEPS)('%s leaves no session', async (when) => {
    const user = await addUser(services);
    const { token, info } = await issueTo(services, user);
    const standings = createStandings({ store: services.test.store, clock: services.clock });
    const revokeIf = async (step: (typeof STEPS)[number]): Promise<void> => {
      if (step === when) await services.tokens.revoke(ROOT, info.tid);
    };

    await revokeIf('before it');
    const seen = services.events.length;
    const found = await services.credentials.byToken(tokenDigest(token.reveal()));
    if (found === null) throw new Error('no such token');
    await revokeIf('after the token was read');
    const client = { startup: { user: '$token' } } as Parameters<typeof requireLive>[0];
    const proved = await codeOf(
      Promise.resolve().then(() => requireLive(client, found, 'cleartext', services.clock.now())),
    );
    if (when === 'before it') {
      expect(proved).toBe('login.token_revoked');
      return;
    }
    expect(proved).toBe('ok');
    expect(provedByToken(found, 'cleartext').token?.tid).toBe(info.tid);
    await revokeIf('after the session is watched');
    // What the supervisor goes by: an event since the login began makes it ask, and the answer is no.
    await expect
      .poll(() => services.events.slice(seen))
      .toContainEqual({
        kind: 'tokens',
        tids: [info.tid],
        change: 'revoked',
      });
    expect((await standings.tokens([info.tid])).get(info.tid)?.standing).toBe('revoked');
  });
});
