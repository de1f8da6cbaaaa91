import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Which owners were told by which way that a token is about to expire, so that nobody is told twice. */
export const notices: Migration = {
  name: '0002-notices',
  async up(trx) {
    await sql`
      create table patgate.notices (
        tid uuid not null references patgate.tokens on delete cascade,
        channel text not null,
        sent_at timestamptz(3) not null,
        primary key (tid, channel)
      )`.execute(trx);
  },
};
