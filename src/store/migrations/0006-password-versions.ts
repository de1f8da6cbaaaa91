import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * How often a user's password was set since then: what tells sessions that began by an earlier one. A process of before sets
 * passwords without counting.
 */
export const passwordVersions: Migration = {
  name: '0006-password-versions',
  async up(trx) {
    await sql`alter table patgate.users add column password_version integer not null default 0`.execute(trx);
  },
};
