import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UserView } from '../../../src/accounts/views.ts';
import { DAY_MS, HOUR_MS } from '../../../src/core/duration.ts';
import { createLeases } from '../../../src/store/store-leases.ts';
import { startJobs, type Jobs } from '../../../src/tokens/jobs.ts';
import type { ExpiryNotice, NoticeChannel } from '../../../src/tokens/notices.ts';
import {
  actorOf,
  addUser,
  createServices,
  issueTo,
  proved,
  ROOT,
  type TestServices,
} from '../../support/services.ts';
import { silentLog } from '../../support/store.ts';

let services: TestServices;
let ada: UserView;
let running: Jobs[] = [];
beforeAll(async () => {
  services = await createServices('jobs');
});
beforeEach(async () => {
  services.clock.reset();
  ada = await addUser(services, { email: `${randomUUID()}@example.com` });
});
afterEach(async () => {
  await Promise.all(running.map((jobs) => jobs.close()));
  running = [];
});
afterAll(() => services.drop());

/** One process's jobs; they begin by themselves only if a time is given. */
function jobsOf(channels: readonly NoticeChannel[] = [], everyMs = HOUR_MS): Jobs {
  const { test, clock, audit, bus } = services;
  const base = { store: test.store, clock, log: silentLog };
  const jobs = startJobs({ ...base, audit, bus, leases: createLeases(base), channels, everyMs });
  running.push(jobs);
  return jobs;
}

const stateOf = async (tid: string) => {
  const { state, revokeReason } = await services.tokens.get(ROOT, tid);
  return [state, revokeReason];
};

describe('a clock that is set far ahead', () => {
  const rows = async () => (await services.audit.list({ limit: 1000 })).length;

  it('revokes and prunes nothing for a day, and not at all when it is set right', async () => {
    const { info } = await issueTo(services, ada, { lifetime: 'maximum' });
    const before = await rows();
    const jobs = jobsOf();
    services.clock.set(100 * DAY_MS);
    await jobs.run();
    services.clock.move(23 * HOUR_MS);
    await jobs.run();
    expect(await stateOf(info.tid)).toEqual(['live', null]);
    services.clock.set(-100 * DAY_MS);
    services.clock.move(2 * HOUR_MS);
    await jobs.run();
    expect(await stateOf(info.tid)).toEqual(['live', null]);
    expect(await rows()).toBe(before);
  });

  it('is believed when a day later it still says so', async () => {
    const { info } = await issueTo(services, ada, { lifetime: 'maximum' });
    const jobs = jobsOf();
    services.clock.set(100 * DAY_MS);
    await jobs.run();
    services.clock.move(25 * HOUR_MS);
    await jobs.run();
    expect(await stateOf(info.tid)).toEqual(['revoked', 'inactive']);
  });
});

describe('tokens that nobody uses', () => {
  const use = (tid: string, at: Date) =>
    services.test.store.db.updateTable('tokens').set({ last_used_at: at }).where('tid', '=', tid).execute();

  it('are revoked after as many days as the policy says, counted from their last use', async () => {
    const [never, used] = [
      await issueTo(services, ada, { lifetime: 'maximum' }),
      await issueTo(services, ada, { lifetime: 'maximum' }),
    ];
    services.clock.move(90 * DAY_MS - HOUR_MS);
    await jobsOf().run();
    expect(await stateOf(never.info.tid)).toEqual(['live', null]);
    await use(used.info.tid, services.clock.now());
    services.clock.move(2 * HOUR_MS);
    await jobsOf().run();
    expect(await stateOf(never.info.tid)).toEqual(['revoked', 'inactive']);
    expect(await stateOf(used.info.tid)).toEqual(['live', null]);
    await expect
      .poll(() => services.events)
      .toContainEqual({ kind: 'tokens', tids: [never.info.tid], change: 'revoked' });
    const [row] = await services.audit.list({ tid: never.info.tid });
    expect(row).toMatchObject({ action: 'token.revoke', actor: { name: 'inactivity' }, reason: 'inactive' });
  });

  it('are left alone when the policy says so, when expired, and while a session runs on them', async () => {
    const { db } = services.test.store;
    const [brief, busy] = [
      await issueTo(services, ada, { lifetime: { ms: DAY_MS } }),
      await issueTo(services, ada, { lifetime: 'maximum' }),
    ];
    const process = randomUUID();
    await db
      .insertInto('processes')
      .values({ process, host: 'h', process_id: 1, seen_at: new Date() })
      .execute();
    const session = {
      sid: randomUUID(),
      process,
      uid: ada.uid,
      user_name: ada.name,
      tid: busy.info.tid,
      mechanism: 'cleartext',
      engine: 'main',
      database: 'd',
      role: 'r',
      engine_process_id: 1,
      address: '::1',
      started_at: new Date(),
    };
    await db.insertInto('live_sessions').values(session).execute();
    services.clock.move(100 * DAY_MS);
    await services.policy.set(ROOT, { revokeUnusedDays: 0 });
    const spared = await issueTo(services, ada, { lifetime: 'maximum' });
    services.clock.move(100 * DAY_MS);
    await jobsOf().run();
    await services.policy.set(ROOT, { revokeUnusedDays: 150 });
    await jobsOf().run();
    expect(await stateOf(spared.info.tid)).toEqual(['expired', null].with(0, 'live'));
    expect((await stateOf(brief.info.tid))[0]).toBe('expired');
    expect((await stateOf(busy.info.tid))[0]).toBe('expired');
    await services.policy.set(ROOT, { revokeUnusedDays: 90 });
  });

  it('are more than one transaction takes', async () => {
    await services.policy.set(ROOT, { maxLiveTokensPerUser: 128 });
    const bob = await addUser(services);
    for (const owner of [ada, bob]) {
      await Promise.all(Array.from({ length: 125 }, () => issueTo(services, owner, { lifetime: 'maximum' })));
    }
    services.clock.move(91 * DAY_MS);
    await jobsOf().run();
    for (const { uid } of [ada, bob]) {
      expect(await services.tokens.count(ROOT, { owner: uid, states: ['revoked'] })).toBe(125);
    }
    expect(await services.audit.verify()).toMatchObject({ ok: true });
    await services.policy.set(ROOT, { maxLiveTokensPerUser: 32 });
  });
});

describe('what is over', () => {
  it('is written down or forgotten: overlaps, HTTP sessions, audit rows', async () => {
    const actor = actorOf(ada);
    const old = await issueTo(services, ada);
    await services.tokens.rotate(actor, old.info.tid, { overlapMs: HOUR_MS });
    await services.authenticator.openSession(proved(actor), 'exchange');
    const kept = await services.authenticator.openSession(proved(actor), 'login');
    services.clock.move(2 * HOUR_MS);
    const before = await services.tokens.get(ROOT, old.info.tid);
    await jobsOf().run();
    const { db } = services.test.store;
    const row = await db
      .selectFrom('tokens')
      .select('revoked_at')
      .where('tid', '=', old.info.tid)
      .executeTakeFirst();
    expect(row?.revoked_at).toEqual(before.retiresAt);
    expect(await services.tokens.get(ROOT, old.info.tid)).toEqual(before);
    expect(await db.selectFrom('http_sessions').select('expires_at').execute()).toEqual([
      { expires_at: kept.expiresAt },
    ]);

    await services.policy.set(ROOT, { auditRetentionDays: 1 });
    const rows = await services.audit.list({ limit: 1000 });
    services.clock.move(3 * DAY_MS);
    await jobsOf().run();
    expect((await services.audit.list({ limit: 1000 })).length).toBeLessThan(rows.length);
    expect(await services.audit.verify()).toMatchObject({ ok: true });
    await services.policy.set(ROOT, { auditRetentionDays: 365 });
  });
});

describe('expiry notices', () => {
  const recorder = (name: string, answer: () => ReturnType<NoticeChannel['deliver']>) => {
    const notices: ExpiryNotice[] = [];
    const channel: NoticeChannel = {
      name,
      deliver(notice) {
        if (notice.owner === ada.name) notices.push(notice);
        return answer();
      },
    };
    return { notices, channel };
  };
  const sent = () => Promise.resolve('sent' as const);

  it('go out once by each channel, in the days before', async () => {
    const { info } = await issueTo(services, ada, { lifetime: { ms: 10 * DAY_MS } });
    await issueTo(services, ada, { lifetime: 'maximum' });
    const [mail, hook] = [recorder('mail', sent), recorder('hook', sent)];
    services.clock.move(2 * DAY_MS);
    await jobsOf([mail.channel, hook.channel]).run();
    expect(mail.notices).toEqual([]);
    services.clock.move(2 * DAY_MS);
    for (let i = 0; i < 3; i += 1) await jobsOf([mail.channel, hook.channel]).run();
    const { tid, label, prefix, expiresAt } = info;
    const expected = [{ tid, label, prefix, expiresAt, owner: ada.name, email: ada.email }];
    expect(mail.notices).toEqual(expected);
    expect(hook.notices).toEqual(expected);
  });

  it('are not for tokens that were revoked or rotated, whose owner is disabled, or when the policy wants none', async () => {
    const brief = { lifetime: { ms: DAY_MS } };
    const [revoked, rotated] = [await issueTo(services, ada, brief), await issueTo(services, ada, brief)];
    await services.tokens.revoke(ROOT, revoked.info.tid);
    await services.tokens.rotate(ROOT, rotated.info.tid, { lifetime: 'maximum' });
    const { notices, channel } = recorder('mail', sent);
    await jobsOf([channel]).run();
    const last = await issueTo(services, ada, brief);
    await services.accounts.disableUser(ROOT, ada.uid);
    await jobsOf([channel]).run();
    await services.accounts.enableUser(ROOT, ada.uid);
    await services.policy.set(ROOT, { expiryNoticeDays: 0 });
    await jobsOf([channel]).run();
    expect(notices).toEqual([]);
    await services.policy.set(ROOT, { expiryNoticeDays: 7 });
    await jobsOf([channel]).run();
    expect(notices.map(({ tid }) => tid)).toEqual([last.info.tid]);
  });

  it('wait when they cannot be delivered, and do not when they never will be', async () => {
    await issueTo(services, ada, { lifetime: { ms: DAY_MS } });
    let answer = (): ReturnType<NoticeChannel['deliver']> => Promise.reject(new Error('away'));
    const { notices, channel } = recorder('flaky', () => answer());
    const other = recorder('steady', sent);
    for (let i = 0; i < 2; i += 1) await jobsOf([channel, other.channel]).run();
    expect(other.notices).toHaveLength(1);
    answer = () => Promise.resolve('refused');
    for (let i = 0; i < 3; i += 1) await jobsOf([channel]).run();
    const tries = notices.length;
    await jobsOf([channel]).run();
    expect(notices).toHaveLength(tries);
  });
});

describe('several processes', () => {
  it('run jobs in exactly one of them at a time', async () => {
    await issueTo(services, ada, { lifetime: { ms: DAY_MS } });
    let inside = 0;
    let most = 0;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow: NoticeChannel = {
      name: 'slow',
      async deliver() {
        inside += 1;
        most = Math.max(most, inside);
        await gate;
        inside -= 1;
        return 'sent';
      },
    };
    const [first, second, third] = [jobsOf([slow]), jobsOf([slow]), jobsOf([slow])];
    const leading = first.run();
    await expect.poll(() => inside).toBe(1);
    expect(await Promise.all([second.run(), third.run()])).toEqual([false, false]);
    release();
    expect(await leading).toBe(true);
    expect(most).toBe(1);
    expect(await second.run()).toBe(true);
  });

  it('begin by themselves, and stop when closed', async () => {
    const { notices, channel } = ((): { notices: string[]; channel: NoticeChannel } => {
      const told: string[] = [];
      return {
        notices: told,
        channel: { name: 'timer', deliver: ({ tid }) => (told.push(tid), Promise.resolve('sent')) },
      };
    })();
    const jobs = jobsOf([channel], 20);
    const [first, second] = [await issueTo(services, ada, { lifetime: { ms: DAY_MS } }), ada];
    await expect.poll(() => notices).toContain(first.info.tid);
    await jobs.close();
    expect(await jobs.run()).toBe(false);
    expect(second.uid).toBe(ada.uid);
  });

  it('one that fails does not keep the others from running', async () => {
    const { db } = services.test.store;
    const old = await issueTo(services, ada);
    await services.tokens.rotate(ROOT, old.info.tid, { overlapMs: 1 });
    const broken: NoticeChannel = { name: 'x', deliver: () => Promise.reject(new Error('no')) };
    services.clock.move(10);
    await jobsOf([broken]).run();
    const row = await db
      .selectFrom('tokens')
      .select('revoked_at')
      .where('tid', '=', old.info.tid)
      .executeTakeFirst();
    expect(row?.revoked_at).not.toBeNull();
  });
});
