import { describe, expect, it } from 'vitest';
import { createRouter, type DatabaseTarget } from '../../../src/upstream/routes.ts';

const ENGINES = [
  { name: 'main', database: 'home' },
  { name: 'warehouse', database: 'wh' },
];

function router(
  databases: Record<string, DatabaseTarget>,
  engines = ENGINES,
): ReturnType<typeof createRouter> {
  return createRouter(engines, {
    databases: new Map(Object.entries(databases)),
    tokenUsers: ['$token', 'token'],
  });
}

const route = router({
  '*': { engine: 'main', database: null },
  sales: { engine: 'warehouse', database: 'sales_prod' },
  stock: { engine: 'warehouse', database: null },
});

describe('where a database name leads', () => {
  it.each([
    ['listed, with a database', 'sales', 'warehouse', 'sales_prod'],
    ['listed, without one', 'stock', 'warehouse', 'stock'],
    ['any other', 'crm', 'main', 'crm'],
    ['a name of 63 bytes', 'x'.repeat(63), 'main', 'x'.repeat(63)],
    ['one that only looks like a token user', '$tokens', 'main', '$tokens'],
    ['one behind a token user', 'token.sales', 'main', 'token.sales'],
    ['a star', '*', 'main', '*'],
    ['a property of every object', '__proto__', 'main', '__proto__'],
  ])('%s', (_what, requested, engine, database) => {
    expect(route(requested, { defaultDatabase: 'sales' })).toEqual({ engine, database, name: requested });
  });

  it.each([null, '', '$token', 'token', '$token.0b4f0b9c-6a0e-4f39-8a55-0e7c8a1d2e3f'])(
    '%j means the default of the principal, else of the engine',
    (requested) => {
      expect(route(requested, { defaultDatabase: 'sales' })).toEqual({
        engine: 'warehouse',
        database: 'sales_prod',
        name: 'sales',
      });
      expect(route(requested, { defaultDatabase: null })).toEqual({
        engine: 'main',
        database: 'home',
        name: 'home',
      });
    },
  );

  it.each([
    ['not listed', router({ sales: { engine: 'main', database: null } }), 'crm'],
    ['a star, not listed', router({ sales: { engine: 'main', database: null } }), '*'],
    ['longer than PostgreSQL’s names', route, 'x'.repeat(64)],
    ['longer than PostgreSQL’s names in bytes', route, 'é'.repeat(32)],
  ])('%s: there is no such database', (_what, to, requested) => {
    expect(() => to(requested, { defaultDatabase: null })).toThrow(
      expect.objectContaining({
        code: 'engine.no_such_database',
        client: expect.objectContaining({
          sqlState: '3D000',
          message: `database "${requested}" does not exist`,
        }) as unknown,
      }),
    );
  });

  it('goes to the first engine when no other is said', () => {
    const to = router({ sales: { engine: 'warehouse', database: null } });
    expect(to(null, { defaultDatabase: null })).toEqual({ engine: 'main', database: 'home', name: 'home' });
    const toStar = router({ '*': { engine: 'warehouse', database: 'all' } });
    expect(toStar(null, { defaultDatabase: null })).toEqual({
      engine: 'warehouse',
      database: 'all',
      name: 'all',
    });
    expect(toStar('x', { defaultDatabase: null })).toEqual({
      engine: 'warehouse',
      database: 'all',
      name: 'x',
    });
  });

  it('refuses a map that leads nowhere', () => {
    expect(() => router({ sales: { engine: 'nowhere', database: null } })).toThrow(/"sales".*"nowhere"/);
    expect(() => router({}, [])).toThrow(/no engine/);
  });
});
