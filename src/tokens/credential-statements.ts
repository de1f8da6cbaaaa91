import type { Prepared } from '../store/store.ts';

/** Live ones are capped by policy; this bounds what a store that was filled otherwise can cost a login. */
export const MOST_CANDIDATES = 256;
/** Dead tokens that a login still tries, so that the audit can tell a revoked secret from a wrong one. */
export const MOST_DEAD = 32;
const MOST_EXCHANGED = 32;

const ACCOUNT_COLUMNS = `
  u.uid, u.name, u.email, u.kind, u.disabled_at is not null or u.removed_at is not null as disabled,
  u.engine_role, u.default_database, u.databases, u.scram_salt, u.scram_iterations, u.password,
  p.tokens_enabled, p.create_and_use = 'everyone' as everyone_may,
  array(
    select g.privilege from patgate.grants g
    where g.grantee in (select u.uid union all select m.gid from patgate.members m where m.uid = u.uid)
  ) as grants`;

const TOKEN = tokenJson('t', 't.expires_at');
/** An exchanged token is its personal access token with keys of its own and an earlier end. */
const EXCHANGED = tokenJson('h', 'least(t.expires_at, h.expires_at)');

/**
 * $1 name or e-mail, $2 now. The second comparison is that of `asciiLower`; the first one has an index.
 */
export const BY_NAME: Prepared = {
  name: 'patgate_credentials_by_name',
  text: `
    select ${ACCOUNT_COLUMNS}, (
      select coalesce(json_agg(found.token order by found.class, found.created_at desc), '[]') from (
        (select 1 as class, t.created_at, ${TOKEN} as token from patgate.tokens t
          where t.uid = u.uid and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2::timestamptz)
          order by t.created_at desc limit ${MOST_CANDIDATES})
        union all
        (select 2 as class, h.created_at, ${EXCHANGED} as token
          from patgate.http_sessions h join patgate.tokens t on t.tid = h.tid
          where h.uid = u.uid and h.stored_key is not null and h.expires_at > $2::timestamptz
          order by h.expires_at desc limit ${MOST_EXCHANGED})
        union all
        (select 3 as class, t.created_at, ${TOKEN} as token from patgate.tokens t
          where t.uid = u.uid and (t.revoked_at is not null or t.expires_at <= $2::timestamptz)
          order by t.created_at desc limit ${MOST_DEAD})
      ) found
    ) as tokens
    from patgate.users u cross join patgate.policy p
    where p.id = 1 and u.uid = (
      select uid from (
        select uid, 1 as rank, removed_at from patgate.users where name = $1
        union all
        select uid, 2 as rank, removed_at from patgate.users
        where lower(email) = lower($1) and lower(email collate "C") = lower($1 collate "C") and removed_at is null
      ) named order by removed_at desc nulls first, rank limit 1
    )`,
};

/** $1 digest */
export const BY_DIGEST: Prepared = {
  name: 'patgate_credentials_by_digest',
  text: `
    select ${ACCOUNT_COLUMNS}, json_build_array(${TOKEN}) as tokens
    from patgate.tokens t join patgate.users u on u.uid = t.uid cross join patgate.policy p
    where t.digest = $1 and p.id = 1
    union all
    select ${ACCOUNT_COLUMNS}, json_build_array(${EXCHANGED}) as tokens
    from patgate.http_sessions h join patgate.tokens t on t.tid = h.tid
      join patgate.users u on u.uid = t.uid cross join patgate.policy p
    where h.digest = $1 and h.kind = 'exchange' and h.stored_key is not null and p.id = 1`,
};

/** $1 tid */
export const BY_TID: Prepared = {
  name: 'patgate_credentials_by_tid',
  text: `
    select ${ACCOUNT_COLUMNS}, json_build_array(${TOKEN}) as tokens
    from patgate.tokens t join patgate.users u on u.uid = t.uid cross join patgate.policy p
    where t.tid = $1 and p.id = 1`,
};

/**
 * One JSON value for each token: a user has dozens, and JSON.parse takes a fraction of what the driver needs for as many
 * rows with dates and bytes, on the thread that relays.
 */
function tokenJson(keysFrom: 't' | 'h', expiry: string): string {
  return `json_build_object(
    'tid', t.tid, 'label', t.label, 'prefix', t.prefix,
    'stored_key', encode(${keysFrom}.stored_key, 'base64'), 'server_key', encode(${keysFrom}.server_key, 'base64'),
    'created_at', ${milliseconds('t.created_at')}, 'expires_at', ${milliseconds(expiry)},
    'retires_at', ${milliseconds('t.retires_at')}, 'revoked_at', ${milliseconds('t.revoked_at')},
    'revoke_reason', t.revoke_reason, 'role', t.role, 'role_granted', t.role_granted, 'databases', t.databases, 'networks', t.networks,
    'max_sessions', t.max_sessions, 'scopes', t.scopes)`;
}

function milliseconds(time: string): string {
  return `(extract(epoch from ${time}) * 1000)::bigint`;
}
