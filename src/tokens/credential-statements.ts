import type { Prepared } from '../store/store.ts';

/** Live ones are capped by policy; this bounds what a store that was filled otherwise can cost a login. */
export const MOST_CANDIDATES = 256;
/** Dead tokens that a login still tries, so that the audit can tell a revoked secret from a wrong one. */
export const MOST_DEAD = 32;
const MOST_EXCHANGED = 32;

export const ACCOUNT_COLUMNS = `
  u.uid, u.name, u.email, u.kind, u.disabled_at is not null or u.removed_at is not null as disabled,
  u.engine_role, u.default_database, u.databases as account_databases, u.scram_salt, u.scram_iterations,
  u.password, p.tokens_enabled, p.create_and_use = 'everyone' as everyone_may,
  array(
    select g.privilege from patgate.grants g where g.grantee = u.uid
      or g.grantee in (select m.gid from patgate.members m where m.uid = u.uid)
  ) as grants`;

const TOKEN_COLUMNS = `
  t.tid, t.label, t.prefix, t.stored_key, t.server_key, t.created_at, t.expires_at, t.retires_at, t.revoked_at,
  t.revoke_reason, t.role, t.databases, t.networks, t.max_sessions, t.scopes`;

/** An exchanged token is its personal access token with keys of its own and an earlier end. */
const EXCHANGED_COLUMNS = TOKEN_COLUMNS.replace(
  't.stored_key, t.server_key',
  'h.stored_key, h.server_key',
).replace('t.expires_at', 'least(t.expires_at, h.expires_at) as expires_at');

/** $1 name or e-mail, $2 now. One row a token; one row without token when the user has none. */
export const BY_NAME: Prepared = {
  name: 'patgate_credentials_by_name',
  text: `
    with account as (
      select ${ACCOUNT_COLUMNS} from patgate.users u cross join patgate.policy p
      where p.id = 1 and u.uid = (
        select uid from (
          select uid, 1 as rank, removed_at from patgate.users where name = $1
          union all
          select uid, 2 as rank, removed_at from patgate.users
          where lower(email) = lower($1) and removed_at is null
        ) found order by removed_at desc nulls first, rank limit 1
      )
    )
    select account.*, token.* from account left join lateral (
      (select 1 as class, ${TOKEN_COLUMNS} from patgate.tokens t
        where t.uid = account.uid and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2::timestamptz)
        order by t.created_at desc limit ${MOST_CANDIDATES})
      union all
      (select 2 as class, ${EXCHANGED_COLUMNS} from patgate.http_sessions h join patgate.tokens t on t.tid = h.tid
        where h.uid = account.uid and h.stored_key is not null and h.expires_at > $2::timestamptz
        order by h.expires_at desc limit ${MOST_EXCHANGED})
      union all
      (select 3 as class, ${TOKEN_COLUMNS} from patgate.tokens t
        where t.uid = account.uid and (t.revoked_at is not null or t.expires_at <= $2::timestamptz)
        order by t.created_at desc limit ${MOST_DEAD})
    ) token on true
    order by token.class, token.created_at desc, token.tid`,
};

/** $1 digest */
export const BY_DIGEST: Prepared = {
  name: 'patgate_credentials_by_digest',
  text: `
    select ${ACCOUNT_COLUMNS}, ${TOKEN_COLUMNS}
    from patgate.tokens t join patgate.users u on u.uid = t.uid cross join patgate.policy p
    where t.digest = $1 and p.id = 1
    union all
    select ${ACCOUNT_COLUMNS}, ${EXCHANGED_COLUMNS}
    from patgate.http_sessions h join patgate.tokens t on t.tid = h.tid
      join patgate.users u on u.uid = t.uid cross join patgate.policy p
    where h.digest = $1 and h.kind = 'exchange' and h.stored_key is not null and p.id = 1`,
};

/** $1 tid */
export const BY_TID: Prepared = {
  name: 'patgate_credentials_by_tid',
  text: `
    select ${ACCOUNT_COLUMNS}, ${TOKEN_COLUMNS}
    from patgate.tokens t join patgate.users u on u.uid = t.uid cross join patgate.policy p
    where t.tid = $1 and p.id = 1`,
};
