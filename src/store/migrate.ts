import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { fatal, GatewayError } from '../core/errors.ts';
import { sqlState } from './errors.ts';
import { MIGRATIONS } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import type { StorePool } from './pool.ts';
import { SCHEMA, type Database } from './schema.ts';
import type { StoreTransaction } from './store.ts';

/** "create … if not exists" by two processes at once fails in one of them with one of these. */
const MET_ANOTHER = new Set(['42710', '23505', '42P06', '42P07', '40001', '40P01', 'XX000']);
const ATTEMPTS = 20;
const RETRY_MS = 50;

interface Bookkeeping {
  readonly migrations: { name: string; taken_at: Date };
  readonly migration_lock: { id: number };
}

/**
 * Takes the steps that the store lacks, each in a transaction that holds the one row of migration_lock: that works alike on
 * PostgreSQL and on the compatible stores that know no advisory locks, and lets a second process wait instead of fail.
 * @returns names of the steps that this call took
 * @throws GatewayError store.newer, store.unreachable, store.read_only
 */
export async function migrate(pool: StorePool, migrations = MIGRATIONS): Promise<readonly string[]> {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  await prepareBookkeeping(db);
  const taken: string[] = [];
  for (const migration of migrations) {
    const isNew = await db
      .withSchema(SCHEMA)
      .transaction()
      .execute((trx) => step(trx, migration, migrations));
    if (isNew) taken.push(migration.name);
  }
  return taken;
}

/** @returns names of the steps that the store still lacks */
export async function pendingMigrations(db: Kysely<Database>): Promise<readonly string[]> {
  const exists = await sql<{ found: boolean }>`
    select exists (select 1 from information_schema.tables
      where table_schema = ${SCHEMA} and table_name = 'migrations') as found`.execute(db);
  const known = MIGRATIONS.map((migration) => migration.name);
  if (exists.rows[0]?.found !== true) return known;
  const taken = await takenMigrations(db);
  refuseNewer(taken, MIGRATIONS);
  return known.filter((name) => !taken.has(name));
}

async function step(
  trx: StoreTransaction,
  migration: Migration,
  known: readonly Migration[],
): Promise<boolean> {
  await bookkeeping(trx).selectFrom('migration_lock').select('id').forUpdate().execute();
  const taken = await takenMigrations(trx);
  refuseNewer(taken, known);
  if (taken.has(migration.name)) return false;
  await migration.up(trx);
  await bookkeeping(trx)
    .insertInto('migrations')
    .values({ name: migration.name, taken_at: new Date() })
    .execute();
  return true;
}

function refuseNewer(taken: ReadonlySet<string>, known: readonly Migration[]): void {
  const unknown = [...taken].filter((name) => !known.some((migration) => migration.name === name));
  if (unknown.length === 0) return;
  throw new GatewayError(
    'store.newer',
    `the store was migrated by a newer patgate (${unknown.join(', ')}); install that version, or restore a backup`,
    fatal('57P03', 'logins are unavailable: the token store is of a newer version'),
  );
}

async function takenMigrations(db: Kysely<Database>): Promise<ReadonlySet<string>> {
  const rows = await bookkeeping(db).selectFrom('migrations').select('name').execute();
  return new Set(rows.map((row) => row.name));
}

async function prepareBookkeeping(db: Kysely<Database>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await createBookkeeping(db);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || !MET_ANOTHER.has(sqlState(error) ?? '')) throw error;
      await delay(RETRY_MS);
    }
  }
}

async function createBookkeeping(db: Kysely<Database>): Promise<void> {
  // Asked first, since "if not exists" still demands the right to create schemas, which a careful DBA does not give.
  const schema = await sql`select 1 from pg_catalog.pg_namespace where nspname = ${SCHEMA}`.execute(db);
  if (schema.rows.length === 0) await sql`create schema if not exists ${sql.id(SCHEMA)}`.execute(db);
  await sql`create table if not exists patgate.migrations (
    name text primary key, taken_at timestamptz not null)`.execute(db);
  await sql`create table if not exists patgate.migration_lock (id integer primary key)`.execute(db);
  await sql`insert into patgate.migration_lock (id) values (1) on conflict do nothing`.execute(db);
}

/** The two tables that exist before the first migration, and so are no part of the schema that it makes. */
function bookkeeping(db: Kysely<Database>): Kysely<Bookkeeping> {
  return db.withSchema(SCHEMA) as unknown as Kysely<Bookkeeping>;
}
