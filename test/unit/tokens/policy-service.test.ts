import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { DAY_MS } from '../../../src/core/duration.ts';
import { createAudit } from '../../../src/store/audit-log.ts';
import { createEventBus } from '../../../src/store/event-bus.ts';
import { DEFAULT_POLICY, type PolicyPatch } from '../../../src/store/policy.ts';
import { answering } from '../../../src/store/errors.ts';
import { createPolicyService } from '../../../src/tokens/store-policy.ts';
import { actorOf, addUser, codeOf, createServices, ROOT, type TestServices } from '../../support/services.ts';
import { silentLog } from '../../support/store.ts';

let services: TestServices;
beforeAll(async () => {
  services = await createServices('policy');
});
afterAll(() => services.drop());

describe('the policy', () => {
  it('is what the first migration makes it', async () => {
    expect(await services.policy.get()).toEqual(DEFAULT_POLICY);
  });

  it('changes with a history and a row of the audit; what is the same already is no change', async () => {
    const patch = { maxLifetimeMs: 100 * DAY_MS, expiryNoticeDays: 3 };
    const before = await services.policy.history(ROOT);
    expect(await services.policy.set(ROOT, patch)).toEqual({ ...DEFAULT_POLICY, ...patch });
    expect(await services.policy.set(ROOT, patch)).toEqual({ ...DEFAULT_POLICY, ...patch });
    const [change, ...rest] = await services.policy.history(ROOT);
    expect(rest).toEqual(before);
    const changed = {
      before: {
        maxLifetimeMs: DEFAULT_POLICY.maxLifetimeMs,
        expiryNoticeDays: DEFAULT_POLICY.expiryNoticeDays,
      },
      after: patch,
    };
    expect(change).toMatchObject({ by: 'root', ...changed });
    const rows = await services.audit.list({ action: 'policy.set' });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      target: { kind: 'policy', id: String(change?.version) },
      detail: changed,
    });
  });

  it.each<PolicyPatch>([
    { maxLifetimeMs: 0 },
    { maxLifetimeMs: 3651 * DAY_MS },
    { maxLifetimeMs: 1.5 },
    { defaultLifetimeMs: 200 * DAY_MS },
    { revokeUnusedDays: -1 },
    { maxLiveTokensPerUser: 0 },
    { maxLiveTokensPerUser: 129 },
    { rotationOverlapMs: NaN },
    { auditRetentionDays: 36_501 },
    { createAndUse: 'nobody' as 'everyone' },
    { tokensEnabled: 1 as unknown as boolean },
  ])('refuses %j and stays as it was', async (patch) => {
    const before = await services.policy.get();
    expect(await codeOf(services.policy.set(ROOT, patch))).toBe('request.invalid');
    expect(await services.policy.get()).toEqual(before);
  });

  it('is for administrators to change, and its history for who manages all', async () => {
    const actor = actorOf(await addUser(services));
    expect(await codeOf(services.policy.set(actor, { tokensEnabled: false }))).toBe('request.forbidden');
    expect(await codeOf(services.policy.history(actor))).toBe('request.forbidden');
    await services.audit.flush();
    const [row] = await services.audit.list({ action: 'policy.set', outcome: 'refused' });
    expect(row).toMatchObject({ actor: { uid: actor.uid }, reason: 'request.forbidden' });
  });

  it('has no history before a version that no number of the store’s can be', async () => {
    const { store } = services.test;
    for (const beforeVersion of [99_999_999_999, 1e300]) {
      expect(await codeOf(services.policy.history(ROOT, { beforeVersion }))).toBe('request.invalid');
      expect(await codeOf(services.audit.list({ beforeSeq: beforeVersion * 1e10 }))).toBe('request.invalid');
    }
    // What is wrong with the store itself is nobody's question.
    const wrong = answering(() => sql`select * from patgate.nowhere`.execute(store.db));
    expect(await codeOf(wrong)).toBe('store.not_migrated');
  });

  it('of changes that meet has each, one after the other', async () => {
    const from = (await services.policy.history(ROOT))[0]?.version ?? 0;
    await Promise.all([1, 2, 3, 4, 5].map((n) => services.policy.set(ROOT, { expiryNoticeDays: 10 + n })));
    const versions = (await services.policy.history(ROOT)).map(({ version }) => version);
    expect(versions.slice(0, 6)).toEqual([5, 4, 3, 2, 1, 0].map((n) => from + n));
  });

  it('is known to another process as soon as it has heard of the change', async () => {
    const store = services.test.another();
    const base = { store, clock: systemClock, log: silentLog };
    const [audit, bus] = [createAudit(base), createEventBus(base)];
    const elsewhere = createPolicyService({ ...base, audit, bus });
    const wanted = async () => (await elsewhere.get()).maxLiveTokensPerUser;
    expect(await wanted()).toBe(DEFAULT_POLICY.maxLiveTokensPerUser);
    await services.policy.set(ROOT, { maxLiveTokensPerUser: 5 });
    await expect.poll(wanted, { timeout: 4000 }).toBe(5);
    await Promise.all([audit.close(), bus.close()]);
  });
});
