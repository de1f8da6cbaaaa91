import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createLiveSessions } from '../../../src/store/session-directory.ts';
import { liveSession as session } from '../../support/live-session.ts';
import { createStore, silentLog, type TestStore } from '../../support/store.ts';

describe('live sessions', () => {
  let test: TestStore;
  const open = () => createLiveSessions({ store: test.another(), clock: systemClock, log: silentLog });
  beforeAll(async () => {
    test = await createStore('live');
  });
  afterAll(() => test.drop());

  it('shows the sessions of all processes until they close or their process stops', async () => {
    const [one, other] = [open(), open()];
    const [a, b, c] = [session(), session({ tid: randomUUID() }), session({ application: null })];
    one.opened(a);
    one.opened(b);
    other.opened(c);
    await Promise.all([one.flush(), other.flush()]);
    const sids = async () => (await other.list()).map(({ sid }) => sid).sort();
    expect(await sids()).toEqual([a.sid, b.sid, c.sid].sort());
    expect((await other.list({ uid: a.uid }))[0]).toMatchObject({ ...a, processId: process.pid });
    expect((await other.list({ tid: b.tid ?? '' })).map(({ sid }) => sid)).toEqual([b.sid]);
    one.closed(a.sid);
    await one.flush();
    expect(await sids()).toEqual([b.sid, c.sid].sort());
    await one.close();
    expect(await sids()).toEqual([c.sid]);
    await other.close();
  });

  it('finds them by part of what they show, by id, and page by page', async () => {
    const one = open();
    const startedAt = new Date();
    const all = ['Tableau 100%', 'psql', 'psql'].map((application) =>
      session({ application, user: 'grace', startedAt }),
    );
    for (const item of all) one.opened(item);
    await one.flush();
    const sids = async (query: Parameters<typeof one.list>[0]) =>
      (await one.list(query)).map(({ sid }) => sid);
    expect(await sids({ search: 'eau 100%' })).toEqual([all[0]?.sid]);
    expect(await one.count({ search: 'GRACE' })).toBe(3);
    expect(await sids({ search: 'grace\npsql' })).toHaveLength(2);
    expect(await sids({ search: '\\' })).toEqual([]);
    expect(await sids({ sids: [all[1]?.sid ?? '', randomUUID(), 'no uuid'] })).toEqual([all[1]?.sid]);
    const seen: string[] = [];
    let before: Parameters<typeof one.list>[0] = { search: 'grace', limit: 2 };
    for (;;) {
      const page = await one.list(before);
      const last = page.at(-1);
      if (last === undefined) break;
      seen.push(...page.map(({ sid }) => sid));
      before = { ...before, before: last };
    }
    expect(seen.toSorted()).toEqual(all.map(({ sid }) => sid).toSorted());
    await one.close();
  });

  it('counts them, by user and by token', async () => {
    const one = open();
    const [uid, tid, other] = [randomUUID(), randomUUID(), randomUUID()];
    for (const more of [{ uid, tid }, { uid, tid }, { uid }, { tid: other }]) one.opened(session(more));
    await one.flush();
    expect(await one.count({ uid })).toBe(3);
    expect(await one.count({ uid, byToken: true })).toBe(2);
    expect(await one.count({})).toBe(4);
    expect([...(await one.countByToken([tid, other, randomUUID()]))].sort()).toEqual(
      [[tid, 2] as const, [other, 1] as const].sort(),
    );
    expect([...(await one.countByToken([tid, other], uid))]).toEqual([[tid, 2]]);
    expect((await one.countByToken([])).size).toBe(0);
    await one.close();
  });

  it('never writes a session that was over before its turn', async () => {
    const one = open();
    const short = session();
    one.opened(short);
    one.closed(short.sid);
    await one.flush();
    expect(await one.list()).toEqual([]);
    await one.close();
  });

  it('does not list what a dead process left behind', async () => {
    const one = open();
    one.opened(session());
    await one.flush();
    await sql`update patgate.processes set seen_at = now() - interval '1 minute'`.execute(test.store.db);
    expect(await one.list()).toEqual([]);
    await one.close();
  });
});
