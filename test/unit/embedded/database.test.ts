import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, createRole, dropRole, urlAs, type TestDatabase } from '../../support/database.ts';
import { queryOne } from '../../support/query.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase('support');
});

afterAll(() => database.drop());

test('a test database is a PostgreSQL 18 of its own', async () => {
  expect(await queryOne(database.url, 'SELECT current_database()')).toBe(database.name);
  expect(await queryOne(database.url, 'SHOW server_version_num')).toMatch(/^18\d{4}$/);
  expect(await queryOne(database.url, 'SHOW server_encoding')).toBe('UTF8');
});

test('the Unix socket and TCP lead to the same database', async () => {
  expect(await queryOne(database.url, 'SELECT inet_client_addr()::text')).toBe('127.0.0.1/32');
  expect(await queryOne(database.socketUrl, 'SELECT inet_client_addr()::text')).toBeNull();
  expect(await queryOne(database.socketUrl, 'SELECT current_database()')).toBe(database.name);
});

test('a test role logs in with its own password and no other', async () => {
  const role = await createRole('reader');
  const url = urlAs(database.url, role);
  expect(await queryOne(url, 'SELECT current_user')).toBe(role.name);
  const wrong = urlAs(database.url, { ...role, password: 'wrong' });
  await expect(queryOne(wrong, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  await dropRole(role);
});
