import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageStatement } from '../../../src/tokens/list.ts';
import type { ListQuery, TokenPage } from '../../../src/tokens/views.ts';
import { insertManyTokens } from '../../support/rows.ts';
import { createServices, issueTo, ROOT, type TestServices } from '../../support/services.ts';

const TOKENS = 100_000;
const EACH = 50;
const PAGE = 100;
/** One token in three is live; a page of those is found by passing over the others, which the order may have put together. */
const PASSED_OVER = 8;

let services: TestServices;
beforeAll(async () => {
  services = await createServices('many');
  await insertManyTokens(services.test.store, TOKENS / EACH, EACH);
});
afterAll(() => services.drop());

/** What PostgreSQL says of a step of a plan, as far as it matters here. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

async function stepsOf(query: ListQuery): Promise<readonly PlanNode[]> {
  const { store } = services.test;
  const statement = pageStatement(ROOT, { limit: PAGE, ...query }, new Date()).compile(store.db);
  const client = await store.connect();
  const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ Plan: PlanNode }] }>({
    text: `explain (analyze, format json) ${statement.sql}`,
    values: [...statement.parameters],
  });
  await client.end();
  const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];
  const [answer] = rows;
  if (answer === undefined) throw new Error('no plan');
  return flat(answer['QUERY PLAN'][0].Plan);
}

/** Rows of a table that a page made PostgreSQL look at, those included that it passed over. */
function rowsRead(steps: readonly PlanNode[], table: string): number {
  const read = steps
    .filter((step) => step['Relation Name'] === table)
    .map((step) => {
      const passed = (step['Rows Removed by Filter'] ?? 0) + (step['Rows Removed by Index Recheck'] ?? 0);
      return (step['Actual Rows'] + passed) * step['Actual Loops'];
    });
  return read.reduce((sum, one) => sum + one, 0);
}

async function cursorAfter(rows: number, query: ListQuery = {}): Promise<string> {
  const { nextCursor } = await services.tokens.list(ROOT, { ...query, limit: 1, offset: rows });
  if (nextCursor === null) throw new Error('no such row');
  return nextCursor;
}

describe('at 100,000 tokens', () => {
  it.each<[string, ListQuery, number]>([
    ['newest first', {}, 0],
    ['newest first, far into the list', {}, 90_000],
    ['live ones', { states: ['live'] }, 0],
    ['live ones, far into the list', { states: ['live'] }, 20_000],
    ['by expiry', { sort: 'expiresAt', direction: 'asc' }, 0],
    ['by last use', { sort: 'lastUsedAt' }, 0],
    ['by label', { sort: 'label', direction: 'asc' }, 0],
    ['by label, far into the list', { sort: 'label', direction: 'asc' }, 90_000],
  ])('a page is read from an index: %s', async (_name, query, after) => {
    const from = after === 0 ? {} : { cursor: await cursorAfter(after, query) };
    const steps = await stepsOf({ ...query, ...from });
    const scanned = steps
      .filter((step) => step['Node Type'] === 'Seq Scan')
      .map((step) => step['Relation Name']);
    expect(scanned).not.toContain('tokens');
    expect(rowsRead(steps, 'tokens')).toBeLessThanOrEqual(PAGE * PASSED_OVER);
    expect(rowsRead(steps, 'users')).toBeLessThanOrEqual(PAGE * PASSED_OVER);
  });

  it('pages give each token once while others come and go', async () => {
    const { tokens, accounts, policy } = services;
    const [owner] = (await accounts.listUsers(ROOT, { search: 'bulk', limit: 1 })).items;
    if (owner === undefined) throw new Error('no user');
    await policy.set(ROOT, { maxLiveTokensPerUser: 128 });
    const [seen, made] = [new Map<string, number>(), new Set<string>()];
    let cursor: string | null = await cursorAfter(95_000);
    while (cursor !== null) {
      const page: TokenPage = await tokens.list(ROOT, { limit: 500, cursor });
      for (const { tid } of page.items) seen.set(tid, (seen.get(tid) ?? 0) + 1);
      made.add((await issueTo(services, owner)).info.tid);
      const gone = page.items.find(({ state }) => state === 'live');
      if (gone !== undefined) await tokens.revoke(ROOT, gone.tid);
      cursor = page.nextCursor;
    }
    expect(made.size).toBe(10);
    expect(seen.size).toBe(TOKENS - 95_001);
    expect(new Set(seen.values())).toEqual(new Set([1]));
    expect([...made].some((tid) => seen.has(tid))).toBe(false);
  });
});
