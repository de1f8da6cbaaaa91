import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOUR_MS } from '../../../src/core/duration.ts';
import type { AuditEntry, AuditQuery } from '../../../src/store/audit.ts';
import { addUser, createServices, type TestServices } from '../../support/services.ts';

const NINE = Date.UTC(2026, 4, 4, 9);

describe('what the audit is searched by', () => {
  let services: TestServices;
  const note = (name: string, more: Partial<AuditEntry> = {}, uid: string | null = null) =>
    services.audit.note({
      action: 'login',
      outcome: 'ok',
      at: new Date(NINE + 1000),
      ...more,
      actor: { uid, name, via: 'password', tid: null },
    });
  const reasons = async (query: AuditQuery) =>
    (await services.audit.list(query)).flatMap(({ reason }) => reason ?? []).toSorted();

  beforeAll(async () => {
    services = await createServices('auditlist');
    const ada = await addUser(services, { name: 'ada' });
    const scram = { database: '\0","method":"made up"', method: 'scram-sha-256' };
    note('ada', { reason: 'proved', detail: scram }, ada.uid);
    note('ada', { reason: 'unproved', outcome: 'refused' });
    note('ada', { reason: 'later', detail: scram, at: new Date(NINE + HOUR_MS) }, ada.uid);
    note('Ada\0', { reason: 'stranger', outcome: 'refused', at: new Date(NINE + HOUR_MS - 1) });
    note('root', {
      reason: 'token',
      action: 'token.revoke',
      target: { kind: 'token', id: randomUUID(), name: 'laptop' },
    });
    note('root', {
      reason: 'user',
      action: 'user.set',
      target: { kind: 'user', id: ada.uid, name: 'ada' },
    });
    await services.audit.flush();
  });
  afterAll(() => services.drop());

  it.each<[string, AuditQuery, string[]]>([
    ['a user, also before they proved to be it', { actor: 'ada' }, ['later', 'proved', 'unproved']],
    ['somebody whom nobody knows', { actor: 'Ada\0' }, ['stranger']],
    ['part of a name, which is no name', { actor: 'ad' }, []],
    ['the name of a target', { target: 'laptop' }, ['token']],
    ['a user as target', { target: 'ada' }, ['user']],
    ['a NUL as target', { target: '\0' }, []],
    ['who, and to what', { actor: 'root', target: 'ada' }, ['user']],
    ['who, and with what outcome', { actor: 'ada', outcome: 'refused' }, ['unproved']],
  ])('%s', async (_name, query, expected) => {
    expect(await reasons(query)).toEqual(expected);
  });

  it('counts logins hour by hour, by method and outcome', async () => {
    const counts = await services.audit.loginsPerHour(new Date(NINE), new Date(NINE + 2 * HOUR_MS));
    expect(counts).toEqual([
      { hour: new Date(NINE), method: 'scram-sha-256', outcome: 'ok', count: 1 },
      { hour: new Date(NINE), method: null, outcome: 'refused', count: 2 },
      { hour: new Date(NINE + HOUR_MS), method: 'scram-sha-256', outcome: 'ok', count: 1 },
    ]);
    expect(await services.audit.loginsPerHour(new Date(NINE), new Date(NINE))).toEqual([]);
  });
});
