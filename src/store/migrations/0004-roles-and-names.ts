import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * Whether an administrator gave a token another role than its owner's: only such a token keeps its role when the owner's
 * changes. And an index by which a new e-mail address is held against all names.
 */
export const rolesAndNames: Migration = {
  name: '0004-roles-and-names',
  async up(trx) {
    await sql`alter table patgate.tokens add column role_granted boolean not null default false`.execute(trx);
    await sql`
      update patgate.tokens t set role_granted = true from patgate.users u
      where u.uid = t.uid and t.role is not null and t.role is distinct from u.engine_role`.execute(trx);
    await sql`create index users_name_lower on patgate.users (lower(name)) where removed_at is null`.execute(
      trx,
    );
  },
};
