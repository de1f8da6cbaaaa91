import { sql, type RawBuilder } from 'kysely';
import type { Actor } from '../accounts/actor.ts';
import { demandPrivilege } from '../accounts/permission.ts';
import { DAY_MS } from '../core/duration.ts';
import { RequestError } from '../core/errors.ts';
import { isUuid } from '../core/uuid.ts';
import { answering } from '../store/errors.ts';
import { decodeCursor, encodeCursor, type Cursor } from './cursor.ts';
import type { TokenServiceDeps } from './service-deps.ts';
import type { TokenStanding } from './standing.ts';
import { GRANTS_OF_OWNER, selectViews, VIEW_SOURCE, viewOf, type TokenViewRow } from './view-rows.ts';
import type { ListQuery, StateCounts, TokenPage, TokenSort } from './views.ts';

type Condition = RawBuilder<unknown>;

const DEFAULT_LIMIT = 100;
const MOST_ROWS = 1000;
const MOST_OFFSET = 100_000;
const UNUSED_MS = 90 * DAY_MS;
const SOON_MS = 7 * DAY_MS;

const OWNER_DISABLED = sql`(u.disabled_at is not null or u.removed_at is not null)`;
const PRIVILEGED = sql`(p.create_and_use = 'everyone' or exists (${GRANTS_OF_OWNER}))`;

/** Expressions of the indexes of the tokens table; the tid makes each order total. */
const SORT_KEYS: Readonly<Record<TokenSort, Condition>> = {
  createdAt: sql`t.created_at`,
  expiresAt: sql`coalesce(t.expires_at, 'infinity'::timestamptz)`,
  lastUsedAt: sql`coalesce(t.last_used_at, '-infinity'::timestamptz)`,
  label: sql`t.label`,
  owner: sql`u.name`,
};

export async function list(
  { store, clock }: TokenServiceDeps,
  actor: Actor,
  query: ListQuery,
): Promise<TokenPage> {
  const now = clock.now();
  const { sort, direction, limit } = shapeOf(query);
  const statement = pageStatement(actor, query, now);
  const { rows } = await answering(() => statement.execute(store.db));
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items: items.map((row) => viewOf(row, now)),
    nextCursor: last === undefined ? null : encodeCursor({ sort, direction, ...placeOf(last, sort) }),
  };
}

/**
 * One row more than the page has, which tells whether another page follows.
 * @throws RequestError request.invalid, request.forbidden
 */
export function pageStatement(actor: Actor, query: ListQuery, now: Date): RawBuilder<TokenViewRow> {
  const { sort, direction, limit, offset } = shapeOf(query);
  const where = conditions(actor, query, now);
  if (query.cursor !== undefined && query.cursor !== null) {
    where.push(behind(decodeCursor(query.cursor, sort, direction), sort, direction));
  }
  const order = direction === 'desc' ? sql`desc` : sql`asc`;
  return selectViews(
    sql`${all(where)} order by ${SORT_KEYS[sort]} ${order}, t.tid ${order} limit ${limit + 1} offset ${offset}`,
  );
}

function shapeOf({ sort = 'createdAt', direction = 'desc', limit, offset }: ListQuery): {
  sort: TokenSort;
  direction: 'asc' | 'desc';
  limit: number;
  offset: number;
} {
  return {
    sort,
    direction,
    limit: within('limit', limit ?? DEFAULT_LIMIT, 1, MOST_ROWS),
    offset: within('offset', offset ?? 0, 0, MOST_OFFSET),
  };
}

export async function count(
  { store, clock }: TokenServiceDeps,
  actor: Actor,
  query: ListQuery,
): Promise<number> {
  const where = conditions(actor, query, clock.now());
  const statement = sql<{ n: number }>`select count(*) as n from ${VIEW_SOURCE} ${all(where)}`;
  const { rows } = await answering(() => statement.execute(store.db));
  return rows[0]?.n ?? 0;
}

/** One pass over the tokens, whose states are told from each other in the order of tokenStanding. */
export async function countByState(
  { store, clock }: TokenServiceDeps,
  actor: Actor,
  { states: _, ...query }: ListQuery,
): Promise<StateCounts> {
  const now = clock.now();
  const statement = sql<{ state: TokenStanding; n: number }>`
    select ${stateColumn(now)} as state, count(*) as n from ${VIEW_SOURCE} ${all(conditions(actor, query, now))}
    group by 1`;
  const { rows } = await answering(() => statement.execute(store.db));
  const none = { live: 0, revoked: 0, expired: 0, owner_disabled: 0, no_privilege: 0, tokens_off: 0 };
  return { ...none, ...Object.fromEntries(rows.map(({ state, n }) => [state, n])) };
}

function stateColumn(now: Date): Condition {
  return sql`case when not (${notRevoked(now)}) then 'revoked' when t.expires_at <= ${now} then 'expired'
    when ${OWNER_DISABLED} then 'owner_disabled' when not ${PRIVILEGED} then 'no_privilege'
    when not p.tokens_enabled then 'tokens_off' else 'live' end`;
}

function conditions(actor: Actor, query: ListQuery, now: Date): Condition[] {
  const where: Condition[] = [sql`p.id = 1`];
  const owner = visibleOwner(actor, query.owner);
  if (owner !== null) where.push(sql`t.uid = ${owner}`);
  if (query.createdBy !== undefined) where.push(sql`t.creator_uid = ${uuid(query.createdBy)}`);
  if (query.tids !== undefined) where.push(sql`t.tid = any(${query.tids.map(uuid)}::uuid[])`);
  if (query.states !== undefined) where.push(...inStates(query.states, now));
  if (query.search !== undefined && query.search !== '') where.push(matches(query.search));
  if (query.quick !== undefined) where.push(quick(query.quick, now));
  const between = (column: Condition, from: Date | undefined, before: Date | undefined): void => {
    if (from !== undefined) where.push(sql`${column} >= ${from}`);
    if (before !== undefined) where.push(sql`${column} < ${before}`);
  };
  between(sql`t.created_at`, query.createdFrom, query.createdBefore);
  between(sql`t.expires_at`, query.expiresFrom, query.expiresBefore);
  between(sql`t.last_used_at`, query.lastUsedFrom, query.lastUsedBefore);
  return where;
}

/** @returns null: everyone's */
function visibleOwner(actor: Actor, asked: string | undefined): string | null {
  if (asked !== undefined && asked !== actor.uid) demandPrivilege(actor, 'manage_all');
  if (asked !== undefined) return uuid(asked);
  if (actor.privileges.has('manage_all')) return null;
  if (actor.uid === null) demandPrivilege(actor, 'manage_all');
  return actor.uid;
}

/**
 * The order of tokenStanding, in SQL. What can be told from the token alone stands apart, where the planner can estimate it:
 * that makes it walk along the index of the order and stop at the end of the page.
 */
function inStates(states: readonly TokenStanding[], now: Date): Condition[] {
  const undead = sql`${notRevoked(now)} and (t.expires_at is null or t.expires_at > ${now})`;
  const byState: Readonly<Record<TokenStanding, Condition>> = {
    revoked: sql`(t.revoked_at is not null or t.retires_at <= ${now})`,
    expired: sql`(${notRevoked(now)} and t.expires_at <= ${now})`,
    owner_disabled: sql`(${undead} and ${OWNER_DISABLED})`,
    no_privilege: sql`(${undead} and not ${OWNER_DISABLED} and not ${PRIVILEGED})`,
    tokens_off: sql`(${undead} and not ${OWNER_DISABLED} and ${PRIVILEGED} and not p.tokens_enabled)`,
    live: sql`(${undead} and not ${OWNER_DISABLED} and ${PRIVILEGED} and p.tokens_enabled)`,
  };
  if (states.length === 0) return [sql`false`];
  const any = sql`(${sql.join(
    [...new Set(states)].map((state) => byState[state]),
    sql` or `,
  )})`;
  return states.includes('revoked') || states.includes('expired') ? [any] : [undead, any];
}

function notRevoked(now: Date): Condition {
  return sql`t.revoked_at is null and (t.retires_at is null or t.retires_at > ${now})`;
}

function matches(search: string): Condition {
  const escaped = search
    .slice(0, 200)
    .replaceAll('\0', '')
    .replace(/[\\%_]/g, '\\$&');
  const anywhere = `%${escaped}%`;
  return sql`(t.label ilike ${anywhere} or t.description ilike ${anywhere} or u.name ilike ${anywhere}
    or t.prefix ilike ${`${escaped}%`})`;
}

function quick(which: NonNullable<ListQuery['quick']>, now: Date): Condition {
  const fromNow = (ms: number): Date => new Date(now.getTime() + ms);
  const undead = sql`${notRevoked(now)} and (t.expires_at is null or t.expires_at > ${now})`;
  switch (which) {
    case 'inactive_owners':
      return sql`(${undead} and (u.disabled_at is not null or u.removed_at is not null))`;
    case 'no_expiry':
      return sql`(${undead} and t.expires_at is null)`;
    case 'unused':
      return sql`(${undead} and coalesce(t.last_used_at, t.created_at) < ${fromNow(-UNUSED_MS)})`;
    case 'expiring_soon':
      return sql`(${undead} and t.expires_at < ${fromNow(SOON_MS)})`;
  }
}

function behind({ key, tid }: Cursor, sort: TokenSort, direction: 'asc' | 'desc'): Condition {
  const value = sort === 'label' || sort === 'owner' ? sql`${key}` : sql`${key}::timestamptz`;
  const compare = direction === 'desc' ? sql`<` : sql`>`;
  return sql`(${SORT_KEYS[sort]}, t.tid) ${compare} (${value}, ${tid}::uuid)`;
}

function placeOf(row: TokenViewRow, sort: TokenSort): { key: string; tid: string } {
  const { tid } = row;
  switch (sort) {
    case 'createdAt':
      return { key: row.created_at.toISOString(), tid };
    case 'expiresAt':
      return { key: row.expires_at?.toISOString() ?? 'infinity', tid };
    case 'lastUsedAt':
      return { key: row.last_used_at?.toISOString() ?? '-infinity', tid };
    case 'label':
      return { key: row.label, tid };
    case 'owner':
      return { key: row.owner, tid };
  }
}

function all(where: readonly Condition[]): Condition {
  return sql`where ${sql.join(where, sql` and `)}`;
}

function within(what: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RequestError('request.invalid', `The ${what} must be a whole number from ${least} to ${most}.`);
}

function uuid(text: string): string {
  if (isUuid(text)) return text;
  throw new RequestError('request.invalid', `"${text.slice(0, 60)}" is no id.`);
}
