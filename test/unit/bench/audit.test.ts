import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { judgeAudit } from '../../../bench/soak/audit.ts';
import { Tally } from '../../../bench/soak/tally.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Audit, AuditAction, AuditEntry } from '../../../src/store/audit.ts';
import { createAudit } from '../../../src/store/audit-log.ts';
import { createStore, silentLog, type TestStore } from '../../support/store.ts';

const ANN = '11111111-1111-4111-8111-111111111111';
const BOB = '22222222-2222-4222-8222-222222222222';
const TOKEN = '33333333-3333-4333-8333-333333333333';

let store: TestStore;
let audit: Audit;
let tally: Tally;
beforeEach(async () => {
  store = await createStore('soakaudit');
  audit = createAudit({ store: store.store, clock: systemClock, log: silentLog });
  tally = new Tally();
  soundRun();
});
afterEach(async () => {
  await audit.close();
  await store.drop();
});

const entry = (action: AuditAction, uid: string | null, more: Partial<AuditEntry> = {}): AuditEntry => ({
  action,
  outcome: 'ok',
  actor: { uid, name: 'somebody', via: 'password', tid: null },
  ...more,
});
const byToken = { actor: { uid: ANN, name: 'ann', via: 'token', tid: TOKEN } };
const of = (id: string | null) => ({ target: { kind: 'token', id, name: null } });
const refused = (reason: string, more: Partial<AuditEntry> = {}) =>
  entry('login', null, { outcome: 'refused', reason, ...more });

/** Ann logs in three times, once by her token; bob once and is refused five times; a token comes and goes. */
function soundRun(): void {
  const rows = [
    entry('token.issue', null, of(TOKEN)),
    ...[1, 2].flatMap(() => [entry('login', ANN), entry('session.close', ANN)]),
    entry('login', ANN, byToken),
    entry('session.close', ANN, byToken),
    entry('login', BOB),
    entry('session.close', BOB),
    refused('login.wrong_secret'),
    refused('login.wrong_secret', { detail: { folded: 2 } }),
    refused('store.unreachable'),
    refused('engine.unreachable'),
    entry('token.revoke', null, of(TOKEN)),
  ];
  for (const row of rows) audit.note(row);
  tally.acknowledged.set(ANN, 2).set(BOB, 1).set(TOKEN, 1);
  tally.refused.set('28P01', 3).set('57P03', 2);
  tally.changed('token.issue', TOKEN);
  tally.changed('token.revoke', TOKEN);
}

async function judge(): Promise<readonly string[]> {
  await audit.flush();
  await judgeAudit({ url: store.database.url, audit }, tally);
  return tally.violations;
}

test('a sound run passes', async () => {
  expect(await judge()).toEqual([]);
});

test('a login whose answer the client did not get explains a row, or a refusal, and needs none', async () => {
  tally.count(tally.missed, BOB);
  tally.count(tally.missed, BOB);
  tally.count(tally.missed, BOB);
  audit.note(entry('login', BOB));
  audit.note(entry('session.close', BOB));
  audit.note(refused('login.owner_disabled'));
  expect(await judge()).toEqual([]);
});

test('so does a change whose answer the soak did not get', async () => {
  tally.unsureChanges = 1;
  audit.note(entry('user.disable', null, of(BOB)));
  expect(await judge()).toEqual([]);
});

/** As if a row had never been written, since one more was acknowledged. */
describe('a row that is missing is noticed:', () => {
  test.each<[string, () => void, RegExp]>([
    [
      'of a login by password',
      () => tally.count(tally.acknowledged, ANN),
      /of 3 logins of 1{8}.*, 1 lack their row/,
    ],
    ['of a login by token', () => tally.count(tally.acknowledged, TOKEN), /of 2 logins of 3{8}.*, 1 lack/],
    [
      'of a wrong secret',
      () => tally.count(tally.refused, '28P01'),
      /of 4 logins refused with 28P01, 1 lack/,
    ],
    [
      'of another refusal',
      () => tally.count(tally.refused, '57P03'),
      /of 3 logins refused with 57P03, 1 lack/,
    ],
    [
      'of a token issued',
      () => tally.changed('token.issue', ANN),
      /"token.issue 1{8}.*" was done 1 times and has 0 rows/,
    ],
    [
      'of a token revoked',
      () => tally.changed('token.revoke', ANN),
      /"token.revoke 1{8}.*" was done 1 times and has 0/,
    ],
    [
      'of a user disabled',
      () => tally.changed('user.disable', BOB),
      /"user.disable 2{8}.*" was done 1 times and has 0/,
    ],
    [
      'of a user enabled',
      () => tally.changed('user.enable', BOB),
      /"user.enable 2{8}.*" was done 1 times and has 0/,
    ],
    [
      'of an end of a session',
      () => note(entry('login', BOB), BOB),
      /2 logins of 2{8}.*, but 1 ends of sessions/,
    ],
  ])('%s', async (_, lose, what) => {
    lose();
    expect(await judge()).toEqual([expect.stringMatching(what)]);
  });
});

/** A client is told of the login, too. */
function note(row: AuditEntry, who: string): void {
  audit.note(row);
  tally.count(tally.acknowledged, who);
}

describe('a row that nothing explains is noticed:', () => {
  test.each<[string, readonly AuditEntry[], readonly RegExp[]]>([
    [
      'of a login',
      [entry('login', BOB), entry('session.close', BOB)],
      [/2 rows of logins of 2{8}.*, who logged in 1 times at most/],
    ],
    [
      'of a wrong secret',
      [refused('login.wrong_secret')],
      [/6 logins were refused, by clients 5 at most/, /4 secrets were refused, by clients 3 at most/],
    ],
    ['of another refusal', [refused('store.unreachable')], [/6 logins were refused, by clients 5 at most/]],
    [
      'of a change',
      [entry('token.revoke', null, of(BOB))],
      [/1 changes that nobody made: token.revoke 2{8}/],
    ],
    [
      'of the same change',
      [entry('token.revoke', null, of(TOKEN))],
      [/1 changes that nobody made: token.revoke 3{8}/],
    ],
    [
      'of a defect',
      [entry('login', null, { outcome: 'failed', reason: 'internal' })],
      [/1 rows of what failed: internal/],
    ],
    ['of an end of a session', [entry('session.close', ANN)], [/2 logins of 1{8}.*, but 3 ends of sessions/]],
  ])('%s', async (_, rows, what) => {
    for (const row of rows) audit.note(row);
    expect(await judge()).toEqual(what.map((pattern) => expect.stringMatching(pattern) as unknown));
  });
});

test('rows of one do not make up for those that another lacks', async () => {
  tally.count(tally.acknowledged, ANN);
  tally.count(tally.missed, BOB);
  audit.note(entry('login', BOB));
  audit.note(entry('session.close', BOB));
  expect(await judge()).toEqual([expect.stringMatching(/of 3 logins of 1{8}/)]);
});

test('a row that was taken out of the chain is noticed', async () => {
  await audit.flush();
  await store.store.db.deleteFrom('audit').where('seq', '=', 1).execute();
  expect(await judge()).toContainEqual(expect.stringMatching(/^the audit is broken at row /));
});
