import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asAdmin, createRole, dropRole, urlAs } from '../../support/database.ts';
import { createStore, silentLog, type TestStore } from '../../support/store.ts';
import { MIGRATIONS } from '../../../src/store/migrations/index.ts';
import { openStore } from '../../../src/store/store.ts';

const STEPS = MIGRATIONS.map((migration) => migration.name);

describe('migrate', () => {
  let test: TestStore;
  beforeAll(async () => {
    test = await createStore('migrate', { migrated: false });
  });
  afterAll(() => test.drop());

  it('says what is missing, brings it, and does nothing the second time', async () => {
    const { store } = test;
    expect(await store.pendingMigrations()).toEqual(STEPS);
    await expect(store.db.selectFrom('users').selectAll().execute()).rejects.toMatchObject({
      code: 'store.not_migrated',
      message: expect.stringContaining('patgate migrate') as string,
    });
    expect(await store.migrate()).toEqual(STEPS);
    expect(await store.migrate()).toEqual([]);
    expect(await store.pendingMigrations()).toEqual([]);
    expect(await store.db.selectFrom('users').selectAll().execute()).toEqual([]);
  });

  it('refuses a store that a newer version has migrated, and changes nothing there', async () => {
    const { store } = test;
    await sql`insert into patgate.migrations values ('9999-future', now())`.execute(store.db);
    await expect(store.migrate()).rejects.toMatchObject({ code: 'store.newer' });
    await expect(store.pendingMigrations()).rejects.toMatchObject({ code: 'store.newer' });
    await sql`delete from patgate.migrations where name = '9999-future'`.execute(store.db);
  });
});

describe('several processes that migrate at once', () => {
  it.each([1, 2, 3])('take each step once, round %i', async () => {
    const test = await createStore('migrators', { migrated: false });
    const stores = [test.store, test.another(), test.another(), test.another()];
    const taken = await Promise.all(stores.map((store) => store.migrate()));
    expect(taken.flat().sort()).toEqual(STEPS);
    const secrets = await test.store.db.selectFrom('settings').select('name').execute();
    expect(secrets).toEqual([{ name: 'secret' }]);
    await test.drop();
  });
});

describe('a role that may not create schemas', () => {
  it('migrates into a schema that the DBA has made for it', async () => {
    const test = await createStore('dba', { migrated: false });
    const role = await createRole('gate');
    const store = openStore({ url: urlAs(test.database.url, role), log: silentLog });
    await expect(store.migrate()).rejects.toMatchObject({ code: '42501' });
    await asAdmin(`create schema patgate authorization ${role.name}`, test.database.url);
    expect(await store.migrate()).toEqual(STEPS);
    await store.close();
    await test.drop();
    await dropRole(role);
  });
});
