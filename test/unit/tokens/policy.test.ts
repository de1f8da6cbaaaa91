import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, createServices, ROOT, type TestServices } from '../../support/services.ts';

describe('the policy, changed by two at once', () => {
  let services: TestServices;
  beforeAll(async () => {
    services = await createServices('policy');
  });
  afterAll(() => services.drop());

  it('keeps what the first one made of it, and tells the second one so', async () => {
    const { policy } = services;
    const { version } = await policy.current();
    await policy.set(ROOT, { revokeUnusedDays: 30 }, { expectedVersion: version });
    expect(await codeOf(policy.set(ROOT, { revokeUnusedDays: 60 }, { expectedVersion: version }))).toBe(
      'request.conflict',
    );
    const now = await policy.current();
    expect([now.version, now.policy.revokeUnusedDays]).toEqual([version + 1, 30]);
    await policy.set(ROOT, { revokeUnusedDays: 60 }, { expectedVersion: now.version });
    expect((await policy.get()).revokeUnusedDays).toBe(60);
  });

  it('lets one of two simultaneous changes of the same version through', async () => {
    const { policy } = services;
    const { version } = await policy.current();
    const codes = await Promise.all(
      [7, 8].map((days) =>
        codeOf(policy.set(ROOT, { expiryNoticeDays: days + 100 }, { expectedVersion: version })),
      ),
    );
    expect(codes.toSorted()).toEqual(['ok', 'request.conflict']);
  });
});
