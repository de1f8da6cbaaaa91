import { sql, type RawBuilder } from 'kysely';
import { effectivePrivileges, type Privilege } from '../accounts/actor.ts';
import { databricksId, datahubId } from './alias.ts';
import { tokenStanding } from './standing.ts';
import type { TokenView } from './views.ts';

/** Everything of a token that may be shown, and what its state is told from. */
export interface TokenViewRow {
  readonly tid: string;
  readonly uid: string;
  readonly owner: string;
  readonly owner_numeric_id: number;
  readonly owner_kind: 'person' | 'service';
  readonly owner_disabled: boolean;
  readonly creator_uid: string | null;
  readonly creator_name: string;
  readonly creator_numeric_id: number | null;
  readonly label: string;
  readonly description: string | null;
  readonly prefix: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly retires_at: Date | null;
  readonly last_used_at: Date | null;
  readonly last_used_from: string | null;
  readonly last_used_application: string | null;
  readonly role: string | null;
  readonly role_granted: boolean;
  readonly databases: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly max_sessions: number | null;
  readonly scopes: readonly string[];
  readonly revoked_at: Date | null;
  readonly revoke_reason: string | null;
  readonly rotated_from: string | null;
  readonly rotated_to: string | null;
  readonly tokens_enabled: boolean;
  readonly everyone_may: boolean;
  readonly grants: readonly Privilege[];
}

/** Privileges granted to the user `u`, directly or by a group. */
export const GRANTS_OF_OWNER = sql`
  select g.privilege from patgate.grants g
  where g.grantee in (select u.uid union all select m.gid from patgate.members m where m.uid = u.uid)`;

/** t: the token, u: its owner, c: who made it, p: the policy. */
export const VIEW_SOURCE = sql`
  patgate.tokens t join patgate.users u on u.uid = t.uid
  left join patgate.users c on c.uid = t.creator_uid cross join patgate.policy p`;

const VIEW_COLUMNS = sql`
  t.tid, t.uid, u.name as owner, u.numeric_id as owner_numeric_id, u.kind as owner_kind,
  u.disabled_at is not null or u.removed_at is not null as owner_disabled,
  t.creator_uid, t.creator_name, c.numeric_id as creator_numeric_id, t.label, t.description, t.prefix,
  t.created_at, t.expires_at, t.retires_at, t.last_used_at, t.last_used_from, t.last_used_application,
  t.role, t.role_granted, t.databases, t.networks, t.max_sessions, t.scopes, t.revoked_at, t.revoke_reason,
  t.rotated_from, t.rotated_to, p.tokens_enabled, p.create_and_use = 'everyone' as everyone_may,
  array(${GRANTS_OF_OWNER}) as grants`;

/** @param rest conditions, order and limit */
export function selectViews(rest: RawBuilder<unknown>): RawBuilder<TokenViewRow> {
  return sql<TokenViewRow>`select ${VIEW_COLUMNS} from ${VIEW_SOURCE} ${rest}`;
}

export function viewOf(row: TokenViewRow, now: Date): TokenView {
  const state = stateOf(row, now);
  return {
    tid: row.tid,
    uid: row.uid,
    owner: row.owner,
    ownerNumericId: row.owner_numeric_id,
    creatorUid: row.creator_uid,
    creator: row.creator_name,
    creatorNumericId: row.creator_numeric_id,
    kind: row.owner_kind === 'service' ? 'service' : 'personal',
    label: row.label,
    description: row.description,
    prefix: row.prefix,
    state,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    lastUsedFrom: row.last_used_from,
    lastUsedApplication: row.last_used_application,
    role: row.role,
    roleGranted: row.role_granted,
    databases: row.databases,
    networks: row.networks,
    maxSessions: row.max_sessions,
    scopes: row.scopes,
    // A token whose overlap is over counts as revoked from that moment, though no one wrote that down.
    revokedAt: row.revoked_at ?? (state === 'revoked' ? row.retires_at : null),
    revokeReason: state === 'revoked' ? row.revoke_reason : null,
    rotatedFrom: row.rotated_from,
    rotatedTo: row.rotated_to,
    retiresAt: row.retires_at,
    databricksId: databricksId(row.tid),
    datahubId: datahubId(row.tid),
  };
}

function stateOf(row: TokenViewRow, now: Date): TokenView['state'] {
  const privileges = effectivePrivileges(row.grants, row.everyone_may);
  return tokenStanding(
    {
      token: { revokedAt: row.revoked_at, retiresAt: row.retires_at, expiresAt: row.expires_at },
      account: { disabled: row.owner_disabled, mayUseTokens: privileges.has('can_use') },
      tokensEnabled: row.tokens_enabled,
    },
    now,
  );
}
