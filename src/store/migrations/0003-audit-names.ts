import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** The audit can be searched by who did something and what it was done to. Neither index is written to by a login that succeeds. */
export const auditNames: Migration = {
  name: '0003-audit-names',
  async up(trx) {
    await sql`create index audit_stranger on patgate.audit (actor_name, seq) where actor_uid is null`.execute(
      trx,
    );
    await sql`create index audit_target_name on patgate.audit (target_name, seq) where target_name is not null`.execute(
      trx,
    );
  },
};
