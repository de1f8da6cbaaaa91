import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageStatement } from '../../../src/tokens/list.ts';
import type { ListQuery } from '../../../src/tokens/views.ts';
import { insertManyTokens } from '../../support/rows.ts';
import { createServices, ROOT, type TestServices } from '../../support/services.ts';

const TOKENS = 100_000;
const PAGE = 100;
/** A token and what is shown with it (owner, policy, privilege) are found by indexes a few levels deep. */
const BLOCKS_A_TOKEN = 8;

/** What a page takes is counted in blocks of 8 kB that PostgreSQL touches: unlike time, the same on a busy machine. */
describe(`a page of a list of ${TOKENS} tokens`, { timeout: 60_000 }, () => {
  let services: TestServices;
  beforeAll(async () => {
    services = await createServices('pages');
    await insertManyTokens(services.test.store, TOKENS / 100, 100);
  }, 120_000);
  afterAll(() => services.drop());

  it.each<[string, ListQuery]>([
    ['newest first', {}],
    ['by expiry', { sort: 'expiresAt', direction: 'asc' }],
    ['by last use', { sort: 'lastUsedAt' }],
    ['by label', { sort: 'label', direction: 'asc' }],
    ['live ones', { states: ['live'] }],
  ])('takes what its own tokens take, at the beginning and in the middle: %s', async (_name, query) => {
    expect(await services.tokens.count(ROOT, {})).toBe(TOKENS);
    expect(await blocks(query)).toBeLessThan(BLOCKS_A_TOKEN * PAGE);
    const { nextCursor: cursor } = await services.tokens.list(ROOT, { ...query, limit: 1, offset: 20_000 });
    if (cursor === null) throw new Error('no middle');
    expect(await blocks({ ...query, cursor })).toBeLessThan(BLOCKS_A_TOKEN * PAGE);
  });

  it('is less than a reading of all would take', async () => {
    const all = await services.test.store.db
      .selectNoFrom(blocksOf('patgate.tokens'))
      .executeTakeFirstOrThrow();
    expect(all.blocks).toBeGreaterThan(2 * BLOCKS_A_TOKEN * PAGE);
  });

  async function blocks(query: ListQuery): Promise<number> {
    const { store } = services.test;
    const { sql: text, parameters } = pageStatement(ROOT, { ...query, limit: PAGE }, new Date()).compile(
      store.db,
    );
    const client = await store.connect();
    const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ Plan: Record<string, number> }] }>(
      `explain (analyze, buffers, format json) ${text}`,
      [...parameters],
    );
    await client.end();
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    return (plan?.['Shared Hit Blocks'] ?? NaN) + (plan?.['Shared Read Blocks'] ?? NaN);
  }
});

function blocksOf(table: string) {
  return sql<number>`(pg_relation_size(${table}) / 8192)::int`.as('blocks');
}
