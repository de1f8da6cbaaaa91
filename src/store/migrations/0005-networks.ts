import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Where a user may log in from, and where anybody may; null: from anywhere. Processes of before go on without these rules. */
export const networks: Migration = {
  name: '0005-networks',
  async up(trx) {
    await sql`alter table patgate.users add column networks text[]`.execute(trx);
    await sql`alter table patgate.policy add column networks text[]`.execute(trx);
  },
};
