import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { fatal, GatewayError } from '../../../src/core/errors.ts';
import { createLog } from '../../../src/core/log.ts';
import { provedByPassword } from '../../../src/login/proved.ts';
import { createSessionMetrics } from '../../../src/observe/session-metrics.ts';
import type { Admitted } from '../../../src/session/admit.ts';
import { FoldedRefusals, type RefusedEntry } from '../../../src/store/folded-refusals.ts';
import { createJournal } from '../../../src/session/journal.ts';
import type { AuditEntry } from '../../../src/store/audit.ts';
import { createAudit } from '../../../src/store/audit-log.ts';
import { MemoryCredentials } from '../../support/memory-credentials.ts';
import { FakeClock } from '../upstream/fake-clock.ts';
import { createStore, silentLog } from '../../support/store.ts';

const refusedOf = (name: string, address: string, reason = 'login.wrong_secret'): RefusedEntry => ({
  action: 'login',
  outcome: 'refused',
  actor: { uid: null, name, via: 'unproved', tid: null },
  address,
  reason,
});

let clock: FakeClock;
let rows: AuditEntry[];
let refusals: FoldedRefusals;
beforeEach(() => {
  clock = new FakeClock();
  rows = [];
  refusals = new FoldedRefusals({ audit: { note: (entry) => void rows.push(entry) }, clock });
});
afterEach(() => refusals.flush());

const send = (times: number, address: string, reason?: string) => {
  for (let n = 0; n < times; n += 1) refusals.note(refusedOf(`guess${n}`, address, reason));
};
const folds = () => rows.filter(({ detail }) => detail !== undefined);

describe('refused logins of strangers', () => {
  test('are rows of their own while they are few, and others one row when the minute is over', () => {
    send(60, '192.0.2.1');
    expect(rows.map(({ actor }) => actor.name)).toEqual(Array.from({ length: 60 }, (_, n) => `guess${n}`));
    const from = clock.now();
    send(1, '192.0.2.1');
    clock.advance(10_000);
    send(4000, '192.0.2.1');
    const to = clock.now();
    expect(rows).toHaveLength(60);
    clock.advance(50_000);
    expect(rows.slice(60)).toEqual([
      {
        action: 'login',
        outcome: 'refused',
        actor: { uid: null, name: '(several)', via: 'unproved', tid: null },
        address: '192.0.2.1',
        reason: 'login.wrong_secret',
        detail: { folded: 4001, from, to },
      },
    ]);
    send(1, '192.0.2.1');
    expect(rows).toHaveLength(62);
    expect(rows[61]).toMatchObject({ actor: { name: 'guess0' } });
  });

  test('hide nobody else', () => {
    send(500, '192.0.2.1');
    send(2, '192.0.2.2');
    expect(rows.slice(-2)).toMatchObject([{ address: '192.0.2.2' }, { address: '192.0.2.2' }]);
  });

  test('are told apart by reason, and not by an IPv6 address within its /64', () => {
    for (let n = 0; n < 100; n += 1) send(1, `2001:db8::${n.toString(16)}`);
    send(5, '2001:db8::ffff', 'login.throttled');
    refusals.flush();
    expect(folds()).toMatchObject([
      { reason: 'login.wrong_secret', detail: { folded: 40 } },
      { reason: 'login.throttled', detail: { folded: 5 } },
    ]);
  });

  test('are six hundred rows of their own at most, from however many addresses, and some hundred more', () => {
    for (let a = 0; a < 100; a += 1) for (let b = 0; b < 200; b += 1) send(2, `10.0.${a}.${b}`);
    expect(rows).toHaveLength(600);
    refusals.flush();
    expect(rows).toHaveLength(600 + 200 + 1);
    const counted = folds().reduce((sum, { detail }) => sum + Number(detail?.['folded']), 0);
    expect(600 + counted).toBe(40_000);
    expect(rows.at(-1)).toMatchObject({ address: null, reason: 'login.wrong_secret' });
  });

  test('keep their own row where there is only one to tell of', () => {
    send(61, '192.0.2.1');
    refusals.flush();
    expect(rows).toHaveLength(61);
    expect(rows[60]).toMatchObject({ actor: { name: 'guess60' } });
  });
});

test('rows that stand for many are links of the chain, and count as many in the overview', async () => {
  const made = await createStore('folded');
  const audit = createAudit({ store: made.store, clock: systemClock, log: silentLog });
  refusals = new FoldedRefusals({ audit, clock: systemClock });
  const [from, before] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
  send(100, '192.0.2.1');
  refusals.flush();
  await audit.close();
  expect(await audit.verify()).toMatchObject({ ok: true, rows: 61 });
  const hours = await audit.loginsPerHour(from, before);
  expect(hours.reduce((sum, { count }) => sum + count, 0)).toBe(100);
  await made.drop();
});

describe('the journal', () => {
  const lines: string[] = [];
  let registry: Registry;
  beforeEach(() => {
    registry = new Registry();
    lines.length = 0;
  });
  const journal = () =>
    createJournal({
      audit: { note: (entry) => void rows.push(entry) },
      refusals,
      lastUsed: { note: () => undefined },
      directory: { opened: () => undefined, closed: () => undefined },
      metrics: createSessionMetrics(registry, () => 0),
      clock,
      log: createLog('warn', { write: (line: string) => void lines.push(line) }),
    });
  const peer = { address: '192.0.2.1', port: 5432, proxied: false };
  const admitted = {
    peer,
    startup: { user: 'ada', database: 'ada', parameters: [] },
  } as unknown as Admitted;
  const error = new GatewayError('login.database_not_allowed', 'not this one', fatal('28000', 'no'));

  test('folds what is refused at the door and at the login, and logs and measures each', async () => {
    const writes = journal();
    for (let n = 0; n < 50; n += 1) {
      writes.refusedAtTheDoor({ error, peer, user: 'ada' });
      writes.begin(admitted).failed(error);
    }
    expect(rows).toHaveLength(60);
    refusals.close();
    expect(rows).toHaveLength(61);
    expect(rows[60]).toMatchObject({ detail: { folded: 40 } });
    expect(lines).toHaveLength(100);
    const measured = await registry.getSingleMetricAsString('patgate_logins_total');
    expect(measured).toMatch(/ 100$/m);
    writes.begin(admitted).failed(error);
    expect(rows).toHaveLength(62);
    expect(clock.waiting).toBe(0);
  });

  test('folds nothing of whoever was proved', async () => {
    const principal = provedByPassword(await new MemoryCredentials().addUser('ada'), 'cleartext');
    const writes = journal();
    for (let n = 0; n < 100; n += 1) {
      const attempt = writes.begin(admitted);
      attempt.proved(principal, false);
      attempt.failed(error);
    }
    expect(rows).toHaveLength(100);
    expect(rows[99]).toMatchObject({ actor: { uid: principal.uid }, reason: 'login.database_not_allowed' });
  });
});
