import type { Prepared } from '../store/store.ts';

/** Live ones are capped by policy; this bounds what a store that was filled otherwise can cost a login. */
export const MOST_CANDIDATES = 256;
/** Dead tokens that a login still tries, so that the audit can tell a revoked secret from a wrong one. */
export const MOST_DEAD = 32;
const MOST_EXCHANGED = 32;

const TOKEN = tokenJson('t', 't.expires_at');
/** An exchanged token is its personal access token with keys of its own and an earlier end. */
const EXCHANGED = tokenJson('h', 'least(t.expires_at, h.expires_at)');

/**
 * Each statement answers many questions at once: $1 are the questions, and a row says which of them it answers, counted from 1.
 * One JSON value a row, for a driver that takes longer over each column than JSON.parse over all of them, on the thread that
 * relays.
 *
 * $1 names or e-mail addresses, $2 now. The second comparison of addresses is that of `asciiLower`; the first one has an index.
 */
export const BY_NAME: Prepared = {
  name: 'patgate_credentials_by_name',
  text: `
    select asked.n, ${foundJson(`(
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
    )`)} as found
    from unnest($1::text[]) with ordinality as asked (name, n) cross join patgate.policy p
    cross join lateral (
      select uid from (
        select uid, 1 as rank, removed_at from patgate.users where name = asked.name
        union all
        select uid, 2 as rank, removed_at from patgate.users
        where lower(email) = lower(asked.name) and lower(email collate "C") = lower(asked.name collate "C") and removed_at is null
      ) named order by removed_at desc nulls first, rank limit 1
    ) named ${one('patgate.users', 'uid = named.uid', 'u')}
    where p.id = 1`,
};

/** $1 digests */
export const BY_DIGEST: Prepared = {
  name: 'patgate_credentials_by_digest',
  text: `
    select asked.n, ${foundJson(`json_build_array(${TOKEN})`)} as found
    from unnest($1::bytea[]) with ordinality as asked (digest, n) cross join patgate.policy p
      ${one('patgate.tokens', 'digest = asked.digest', 't')} ${one('patgate.users', 'uid = t.uid', 'u')}
    where p.id = 1
    union all
    select asked.n, ${foundJson(`json_build_array(${EXCHANGED})`)} as found
    from unnest($1::bytea[]) with ordinality as asked (digest, n) cross join patgate.policy p
      ${one('patgate.http_sessions', 'digest = asked.digest', 'h')}
      ${one('patgate.tokens', 'tid = h.tid', 't')} ${one('patgate.users', 'uid = t.uid', 'u')}
    where h.kind = 'exchange' and h.stored_key is not null and p.id = 1`,
};

/** $1 tids */
export const BY_TID: Prepared = {
  name: 'patgate_credentials_by_tid',
  text: `
    select asked.n, ${foundJson(`json_build_array(${TOKEN})`)} as found
    from unnest($1::uuid[]) with ordinality as asked (tid, n) cross join patgate.policy p
      ${one('patgate.tokens', 'tid = asked.tid', 't')} ${one('patgate.users', 'uid = t.uid', 'u')}
    where p.id = 1`,
};

/** The row that a unique column names. A plain join might read the whole table: the planner cannot know how few are asked for. */
function one(table: string, condition: string, alias: string): string {
  return `cross join lateral (select * from ${table} where ${condition} limit 1) ${alias}`;
}

function foundJson(tokens: string): string {
  return `json_build_object(
    'uid', u.uid, 'name', u.name, 'email', u.email, 'kind', u.kind,
    'disabled', u.disabled_at is not null or u.removed_at is not null,
    'engine_role', u.engine_role, 'default_database', u.default_database, 'databases', u.databases,
    'networks', u.networks, 'policy_networks', p.networks, 'scram_salt', encode(u.scram_salt, 'base64'), 'scram_iterations', u.scram_iterations, 'password', u.password, 'password_version', u.password_version,
    'tokens_enabled', p.tokens_enabled, 'everyone_may', p.create_and_use = 'everyone',
    'grants', array(
      select g.privilege from patgate.grants g
      where g.grantee in (select u.uid union all select m.gid from patgate.members m where m.uid = u.uid)
    ),
    'tokens', ${tokens})`;
}

function tokenJson(keysFrom: 't' | 'h', expiry: string): string {
  return `json_build_object(
    'tid', t.tid, 'exchange', ${keysFrom === 't' ? 'null' : `encode(h.digest, 'hex')`}, 'label', t.label, 'prefix', t.prefix,
    'stored_key', encode(${keysFrom}.stored_key, 'base64'), 'server_key', encode(${keysFrom}.server_key, 'base64'),
    'created_at', ${milliseconds('t.created_at')}, 'expires_at', ${milliseconds(expiry)},
    'retires_at', ${milliseconds('t.retires_at')}, 'revoked_at', ${milliseconds('t.revoked_at')},
    'revoke_reason', t.revoke_reason, 'role', t.role, 'role_granted', t.role_granted, 'databases', t.databases, 'networks', t.networks,
    'max_sessions', t.max_sessions, 'scopes', t.scopes)`;
}

function milliseconds(time: string): string {
  return `(extract(epoch from ${time}) * 1000)::bigint`;
}
