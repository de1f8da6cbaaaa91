import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createLog } from '../../../src/core/log.ts';
import type { AuditEntry, AuditRow } from '../../../src/store/audit.ts';
import { createAudit } from '../../../src/store/audit-log.ts';
import { pruneSlice } from '../../../src/store/audit-upkeep.ts';
import type { StoreTransaction } from '../../../src/store/store.ts';
import { eventually } from '../../support/eventually.ts';
import { createStore, silentLog, type TestStore } from '../../support/store.ts';

const entry = (name: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  action: 'login',
  outcome: 'ok',
  actor: { uid: null, name, via: 'password', tid: null },
  ...more,
});

/** Text of three bytes a character that cannot be compressed. */
const noise = (length: number): string =>
  Array.from(randomBytes(length), (byte, at) => String.fromCharCode(0x4e00 + 64 * byte + (at % 64))).join('');

const NEVER = new AbortController().signal;

describe('audit', () => {
  let test: TestStore;
  const open = (store = test.store) => createAudit({ store, clock: systemClock, log: silentLog });
  beforeEach(async () => {
    test = await createStore('audit');
  });
  afterEach(() => test.drop());

  it('keeps what was noted, in order, newest first in lists', async () => {
    const audit = open();
    for (let i = 1; i <= 1200; i += 1) audit.note(entry(`u${i}`, { detail: { i } }));
    await audit.flush();
    const rows = await audit.list({ limit: 3 });
    expect(rows.map(({ seq, actor, detail }) => [seq, actor.name, detail])).toEqual([
      [1200, 'u1200', { i: 1200 }],
      [1199, 'u1199', { i: 1199 }],
      [1198, 'u1198', { i: 1198 }],
    ]);
    expect(await audit.verify()).toEqual({ ok: true, rows: 1200, firstSeq: 1, lastSeq: 1200 });
  });

  it('writes at once after a quiet time, and what comes soon after that together', async () => {
    let transactions = 0;
    const counted = {
      ...test.store,
      transaction: <T>(work: (trx: StoreTransaction) => Promise<T>) => {
        transactions += 1;
        return test.store.transaction(work);
      },
    };
    const due: (() => void)[] = [];
    const clock = {
      ...systemClock,
      after: (_delayMs: number, run: () => void) => {
        due.push(run);
        return { cancel: () => undefined };
      },
    };
    const audit = createAudit({ store: counted, clock, log: silentLog });
    audit.note(entry('first'));
    await vi.waitFor(async () => expect(await audit.list()).toHaveLength(1));
    for (let i = 0; i < 20; i += 1) {
      audit.note(entry(`u${i}`));
      await setImmediate();
    }
    expect(await audit.list()).toHaveLength(1);
    for (const run of due) run();
    await vi.waitFor(async () => expect(await audit.list()).toHaveLength(21));
    expect(transactions).toBe(2);
    await audit.close();
  });

  it('is one unbroken chain when several processes write at once', async () => {
    const sides = [test.store, test.another(), test.another()].map((store) => ({
      store,
      audit: open(store),
    }));
    const audits = sides.map(({ audit }) => audit);
    for (let i = 0; i < 200; i += 1) for (const audit of audits) audit.note(entry(`u${i}`));
    await Promise.all(
      sides.map(({ store, audit }, i) => store.transaction((trx) => audit.append(entry(`change${i}`), trx))),
    );
    await Promise.all(audits.map((audit) => audit.close()));
    expect(await open().verify()).toMatchObject({ ok: true, rows: 603 });
  });

  it('goes with its transaction', async () => {
    const audit = open();
    const failing = test.store.transaction(async (trx) => {
      await audit.append(entry('gone'), trx);
      throw new Error('the change failed');
    });
    await expect(failing).rejects.toThrow('the change failed');
    expect(await audit.list()).toEqual([]);
    expect(await audit.verify()).toMatchObject({ ok: true, rows: 0 });
  });

  it.each([
    ['a changed field', `update patgate.audit set reason = 'nothing to see' where seq = 4`, 4],
    ['a changed time', `update patgate.audit set at = at - interval '1 hour' where seq = 2`, 2],
    [
      'text moved to the next field',
      `update patgate.audit set address = null, application = address where seq = 3`,
      3,
    ],
    ['a deleted row', `delete from patgate.audit where seq = 5`, 5],
    ['a deleted first row', `delete from patgate.audit where seq = 1`, 1],
    ['a deleted last row', `delete from patgate.audit where seq = 10`, 10],
    [
      'two rows swapped',
      `update patgate.audit set seq = case seq when 6 then -7 else -6 end where seq in (6, 7);
      update patgate.audit set seq = -seq where seq < 0`,
      6,
    ],
    [
      'a row put in at the end',
      `insert into patgate.audit select 11, at, action, outcome, actor_uid, actor_name, actor_via,
      actor_tid, target_kind, target_id, target_name, address, application, reason, detail, hash
      from patgate.audit where seq = 10`,
      11,
    ],
  ])('finds %s', async (_what, damage, seq) => {
    const audit = open();
    for (let i = 1; i <= 10; i += 1) audit.note(entry(`u${i}`, { address: '192.0.2.1' }));
    await audit.flush();
    expect(await audit.verify()).toMatchObject({ ok: true });
    await sql
      .raw(damage)
      .execute(test.store.db)
      .catch(async () => {
        for (const statement of damage.split(';')) await sql.raw(statement).execute(test.store.db);
      });
    expect(await audit.verify()).toMatchObject({ ok: false, seq });
  });

  it('prunes the oldest rows, says so, and still verifies the rest', async () => {
    const audit = open();
    const day = (n: number) => new Date(Date.UTC(2026, 0, n));
    for (let n = 1; n <= 9; n += 1) audit.note(entry(`u${n}`, { at: day(n) }));
    await audit.flush();
    expect(await audit.prune(day(5), NEVER)).toBe(4);
    expect(await audit.prune(day(5), NEVER)).toBe(0);
    await audit.flush();
    expect(await audit.verify()).toEqual({ ok: true, rows: 6, firstSeq: 5, lastSeq: 10 });
    const [last] = await audit.list({ limit: 1 });
    expect(last).toMatchObject({
      action: 'audit.prune',
      actor: { name: 'retention', via: 'system' },
      detail: { before: day(5).toISOString(), rows: 4 },
    });
    await sql`delete from patgate.audit where seq = 5`.execute(test.store.db);
    expect(await audit.verify()).toMatchObject({ ok: false, seq: 5 });
  });

  it.each([
    ['a NUL', 'a\0b', 'a\uFFFDb'],
    ['half a character', 'a\ud800b', 'a\uFFFDb'],
    ['a page of noise', noise(9000), null],
    ['a megabyte', '\x01'.repeat(1_000_000), null],
  ])('keeps what was done to a target whose id has %s', async (_what, id, stored) => {
    const audit = open();
    audit.note(entry('u1', { target: { kind: 'token', id, name: null } }));
    await audit.flush();
    const [row] = await audit.list({ target: id });
    expect(row?.target?.id).toBe(stored ?? `${id.slice(0, 800)}…`);
    expect(await audit.verify()).toMatchObject({ ok: true, rows: 1 });
  });

  describe('verifying', () => {
    /** A lock that whoever reads the chain waits for. */
    const holdReads = async (): Promise<() => Promise<void>> => {
      const holder = await test.store.connect();
      await holder.query('begin; lock table patgate.audit_head in access exclusive mode');
      return () => holder.end();
    };
    const readers = async (): Promise<number> => {
      const { rows } = await sql`select 1 from pg_stat_activity where datname = current_database()
        and wait_event_type = 'Lock' and query like '%audit_head%'`.execute(test.store.db);
      return rows.length;
    };

    it('takes one connection, and none that logins need, however many ask', async () => {
      const store = test.another({ poolSize: 1 });
      const audit = open(store);
      audit.note(entry('u1'));
      await audit.flush();
      const letGo = await holdReads();
      const asked = Array.from({ length: 10 }, () => audit.verify());
      await eventually(async () => expect(await readers()).toBe(1));
      await store.ping();
      expect(await readers()).toBe(1);
      await letGo();
      for (const verdict of await Promise.all(asked)) expect(verdict).toMatchObject({ ok: true, rows: 1 });
      // The next one reads anew.
      audit.note(entry('u2'));
      await audit.flush();
      expect(await audit.verify()).toMatchObject({ ok: true, rows: 2 });
    });

    /** Notes each reading, and what it came to. */
    const watched = (readings: Promise<unknown>[]) =>
      open({
        ...test.store,
        aside: <T>(work: (trx: StoreTransaction) => Promise<T>) => {
          const reading = test.store.aside(work);
          readings.push(reading.catch((error: unknown) => error));
          return reading;
        },
      });

    it('goes on for whoever still waits, and ends when nobody does', async () => {
      const written = open();
      written.note(entry('u1'));
      // Who writes would wait for that lock, too.
      await written.flush();
      const readings: Promise<unknown>[] = [];
      const audit = watched(readings);
      const ask = () => {
        const caller = new AbortController();
        const answer = audit.verify(caller.signal).catch((error: unknown) => error);
        return { answer, leave: () => caller.abort() };
      };
      const letGo = await holdReads();
      const [one, two] = [ask(), ask()];
      await eventually(async () => expect(await readers()).toBe(1));
      one.leave();
      expect(await one.answer).toMatchObject({ code: 'request.invalid' });
      const three = ask();
      await letGo();
      expect(await two.answer).toMatchObject({ ok: true });
      expect(await three.answer).toMatchObject({ ok: true });
      expect(readings).toHaveLength(1);

      const hold = await holdReads();
      const [four, five] = [ask(), ask()];
      await eventually(async () => expect(await readers()).toBe(1));
      four.leave();
      five.leave();
      expect(await five.answer).toMatchObject({ code: 'request.invalid' });
      await hold();
      expect(await readings[1]).toMatchObject({ name: 'AbortError' });
      expect(await audit.verify()).toMatchObject({ ok: true });
    });
  });

  describe('pruning', () => {
    const OLD = new Date(0);
    const later = new Date(1000);
    const fill = async (rows: number): Promise<void> => {
      const audit = open();
      for (let n = 0; n < rows; n += 1) audit.note(entry(`u${n}`, { at: OLD }));
      await audit.flush();
    };
    /** Whatever deletes rows of the audit waits until this is let go. */
    const holdDeletes = async (): Promise<() => Promise<void>> => {
      await sql`create function patgate.held() returns trigger language plpgsql as $$
        begin perform pg_advisory_xact_lock(42); return null; end $$`.execute(test.store.db);
      await sql`create trigger held before delete on patgate.audit for each statement
        execute function patgate.held()`.execute(test.store.db);
      const holder = await test.store.connect();
      await holder.query('select pg_advisory_lock(42)');
      return () => holder.end();
    };
    const waiting = () =>
      eventually(async () => {
        const { rows } = await sql`select 1 from pg_locks where locktype = 'advisory' and not granted
          and database = (select oid from pg_database where datname = current_database())`.execute(
          test.store.db,
        );
        expect(rows).toHaveLength(1);
      });

    it('goes in slices, between which others write, and after each of which the chain verifies', async () => {
      await fill(12_000);
      const other = open();
      const seen: unknown[] = [];
      const store = {
        ...test.store,
        transaction: async <T>(work: (trx: StoreTransaction) => Promise<T>) => {
          const answer = await test.store.transaction(work);
          const verdict = await other.verify();
          seen.push(verdict.ok ? verdict.rows : verdict);
          return answer;
        },
      };
      const audit = open(store);
      expect(await audit.prune(later, NEVER)).toBe(12_000);
      await audit.flush();
      expect(seen).toEqual([7000, 2000, 0, 1]);
      const [last] = await other.list({ limit: 1 });
      expect(last).toMatchObject({ action: 'audit.prune', detail: { rows: 12_000 } });
    });

    it('holds up nobody who writes, however slowly rows go', async () => {
      await fill(3);
      const letGo = await holdDeletes();
      const audit = open();
      const pruning = audit.prune(later, NEVER);
      await waiting();
      await test.store.transaction((trx) => open().append(entry('meanwhile'), trx));
      const [last] = await open().list({ limit: 1 });
      expect(last?.actor.name).toBe('meanwhile');
      await letGo();
      expect(await pruning).toBe(3);
      await audit.flush();
      expect(await open().verify()).toMatchObject({ ok: true, rows: 2, firstSeq: 4 });
    });

    it('stops when told to, and tells what is gone by then', async () => {
      await fill(5001);
      const stop = new AbortController();
      const letGo = await holdDeletes();
      const audit = open();
      const pruning = audit.prune(later, stop.signal);
      await waiting();
      stop.abort();
      await letGo();
      expect(await pruning).toBe(5000);
      await audit.flush();
      expect(await open().verify()).toMatchObject({ ok: true, rows: 2 });
    });

    it('is not gone on with by the store once it was given up', async () => {
      await fill(3);
      const letGo = await holdDeletes();
      const slice = { before: later, rows: 10, timeoutMs: 50 };
      await expect(test.store.transaction((trx) => pruneSlice(trx, slice))).rejects.toThrow();
      await letGo();
      expect(await open().verify()).toMatchObject({ ok: true, rows: 3, firstSeq: 1 });
      expect(await test.store.transaction((trx) => pruneSlice(trx, { ...slice, timeoutMs: 5000 }))).toBe(3);
    });
  });

  it('goes on when every row is pruned', async () => {
    const audit = open();
    audit.note(entry('u1', { at: new Date(0) }));
    await audit.flush();
    expect(await audit.prune(new Date(1), NEVER)).toBe(1);
    await audit.flush();
    expect(await audit.verify()).toEqual({ ok: true, rows: 1, firstSeq: 2, lastSeq: 2 });
  });

  it('tells of rows once they are in the store for good, as they are there', async () => {
    const told: AuditRow[] = [];
    const onWritten = (rows: readonly AuditRow[]): void => void told.push(...rows);
    const audit = createAudit({ store: test.store, clock: systemClock, log: silentLog, onWritten });
    audit.note(entry('noted'));
    await audit.flush();
    await test.store.transaction(async (trx) => {
      await audit.append(entry('appended'), trx);
      expect(told.map(({ actor }) => actor.name)).toEqual(['noted']);
    });
    await test.store
      .transaction(async (trx) => {
        await audit.append(entry('gone'), trx);
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    expect(told.toReversed()).toEqual(await audit.list());
    expect(told.map(({ actor }) => actor.name)).toEqual(['noted', 'appended']);
  });

  /** What the store says to the rows of somebody. */
  const refuse = async (name: string, state: string) => {
    for (const statement of [
      `create function patgate.refuse() returns trigger language plpgsql as $$ begin
        if new.actor_name = '${name}' then raise exception 'not this one' using errcode = '${state}'; end if;
        return new;
      end $$`,
      `create trigger refuse before insert on patgate.audit for each row execute function patgate.refuse()`,
    ]) {
      await sql.raw(statement).execute(test.store.db);
    }
  };

  it.each(['22021', '23514', '54000'])(
    'gives up, to the log, only what the store will never take (%s)',
    async (state) => {
      await refuse('poison', state);
      const lines: string[] = [];
      const log = createLog('error', { write: (line: string) => void lines.push(line) });
      const audit = createAudit({ store: test.store, clock: systemClock, log });
      const names = Array.from({ length: 700 }, (_, at) =>
        [0, 3, 4, 600].includes(at) ? 'poison' : `u${at}`,
      );
      for (const name of names) audit.note(entry(name, { address: '192.0.2.7' }));
      await audit.flush();
      const rows = await audit.list({ limit: 1000 });
      expect(rows.map(({ actor }) => actor.name).reverse()).toEqual(
        names.filter((name) => name !== 'poison'),
      );
      expect(await audit.verify()).toMatchObject({ ok: true, rows: 696 });
      const given = lines.map((line) => JSON.parse(line) as unknown);
      expect(given).toHaveLength(4);
      expect(given[0]).toMatchObject({
        msg: 'audit entry not written',
        audit: { action: 'login', actor: { name: 'poison' }, address: '192.0.2.7' },
        error: expect.stringContaining('not this one') as string,
      });
    },
  );

  it.each(['53100', '57014', '23505'])(
    'gives up nothing for what may pass, or has nothing to do with it (%s)',
    async (state) => {
      await refuse('waits', state);
      let onLine = (): void => undefined;
      const failed = new Promise<void>((resolve) => (onLine = resolve));
      const log = createLog('warn', { write: () => onLine() });
      const audit = createAudit({ store: test.store, clock: systemClock, log });
      for (const name of ['first', 'waits', 'last']) audit.note(entry(name));
      await failed;
      await sql`drop trigger refuse on patgate.audit`.execute(test.store.db);
      await audit.flush();
      expect((await audit.list()).map(({ actor }) => actor.name)).toEqual(['last', 'waits', 'first']);
      await audit.close();
    },
  );

  it('takes names that no text column takes', async () => {
    const audit = open();
    audit.note(entry('a\0b\ud800', { application: '\ud83d', detail: { x: '\0' } }));
    await audit.flush();
    expect((await audit.list())[0]).toMatchObject({
      actor: { name: 'a\uFFFDb\uFFFD' },
      application: '\uFFFD',
    });
    expect(await audit.verify()).toMatchObject({ ok: true });
  });

  it('takes names that are longer than an index takes, and finds them again', async () => {
    const audit = open();
    const [who, what] = [noise(5000), noise(5000)];
    audit.note(entry(who, { target: { kind: 'session', id: null, name: what } }));
    audit.note(entry('next'));
    await audit.flush();
    const rows = await audit.list();
    expect(rows.map(({ actor }) => actor.name)).toEqual(['next', `${who.slice(0, 800)}…`]);
    expect(await audit.list({ actor: who })).toEqual(rows.slice(1));
    expect(await audit.list({ target: what })).toEqual(rows.slice(1));
    expect(await audit.verify()).toMatchObject({ ok: true });
  });
});
