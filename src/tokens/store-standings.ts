import { effectivePrivileges, type Privilege } from '../accounts/actor.ts';
import type { Clock } from '../core/clock.ts';
import { NetworkList } from '../core/networks.ts';
import type { Prepared, Store } from '../store/store.ts';
import { endOf, tokenStanding } from './standing.ts';
import type { LiveNetworks, StandingReport, Standings } from './standings.ts';

interface NetworkColumns {
  readonly networks: readonly string[] | null;
  /** The same in each row. */
  readonly policy_networks: readonly string[] | null;
}

interface TokenRow extends NetworkColumns {
  readonly tid: string;
  readonly revoked_at: Date | null;
  readonly retires_at: Date | null;
  readonly expires_at: Date | null;
  readonly revoke_reason: string | null;
  readonly disabled: boolean;
  readonly tokens_enabled: boolean;
  readonly everyone_may: boolean;
  readonly grants: readonly Privilege[];
  readonly databases: readonly string[] | null;
  readonly engine_role: string | null;
  readonly role_granted: boolean;
}

interface AccountRow extends NetworkColumns {
  readonly uid: string;
  readonly disabled: boolean;
  readonly password_version: number;
  readonly databases: readonly string[] | null;
  readonly engine_role: string | null;
}

/** $1 tids */
const TOKENS: Prepared = {
  name: 'patgate_standings_tokens',
  text: `
    select t.tid, t.revoked_at, t.retires_at, t.expires_at, t.revoke_reason, t.role_granted, u.engine_role, u.databases,
      u.disabled_at is not null or u.removed_at is not null as disabled,
      u.networks, p.networks as policy_networks, p.tokens_enabled, p.create_and_use = 'everyone' as everyone_may,
      array(
        select g.privilege from patgate.grants g
        where g.grantee in (select u.uid union all select m.gid from patgate.members m where m.uid = u.uid)
      ) as grants
    from patgate.tokens t join patgate.users u on u.uid = t.uid cross join patgate.policy p
    where t.tid = any($1::uuid[]) and p.id = 1`,
};

/** $1 uids */
const ACCOUNTS: Prepared = {
  name: 'patgate_standings_accounts',
  text: `
    select u.uid, u.password_version, u.engine_role, u.databases, u.networks, p.networks as policy_networks,
      u.disabled_at is not null or u.removed_at is not null as disabled
    from patgate.users u cross join patgate.policy p
    where u.uid = any($1::uuid[]) and p.id = 1`,
};

/** $1 digests */
const EXCHANGES: Prepared = {
  name: 'patgate_standings_exchanges',
  text: `select encode(digest, 'hex') as id from patgate.http_sessions where digest = any($1::bytea[])`,
};

export function createStandings({ store, clock }: { store: Store; clock: Clock }): Standings {
  return {
    async tokens(tids) {
      const rows = await store.read<TokenRow>(TOKENS, [tids]);
      const now = clock.now();
      const networksOf = networkLists(rows);
      return new Map(rows.map((row) => [row.tid, { ...reportOf(row, now), networks: networksOf(row) }]));
    },
    async exchanges(ids) {
      const digests = ids.map((id) => Buffer.from(id, 'hex'));
      const rows = await store.read<{ id: string }>(EXCHANGES, [digests]);
      return new Set(rows.map(({ id }) => id));
    },
    async accounts(uids) {
      const rows = await store.read<AccountRow>(ACCOUNTS, [uids]);
      const networksOf = networkLists(rows);
      return new Map(
        rows.map((row) => [
          row.uid,
          {
            standing: row.disabled ? 'owner_disabled' : 'live',
            passwordVersion: row.password_version,
            engineRole: row.engine_role,
            databases: row.databases,
            networks: networksOf(row),
          },
        ]),
      );
    },
  };
}

/** The policy's list is made ready once for all rows: a change of policy asks about every session there is. */
function networkLists<Row extends NetworkColumns>(rows: readonly Row[]): (row: Row) => LiveNetworks {
  const forAll = rows[0]?.policy_networks ?? null;
  const policy = forAll === null ? null : new NetworkList(forAll);
  return ({ networks: user }) => ({ policy, user });
}

function reportOf(row: TokenRow, now: Date): Omit<StandingReport, 'networks'> {
  const token = { revokedAt: row.revoked_at, retiresAt: row.retires_at, expiresAt: row.expires_at };
  const privileges = effectivePrivileges(row.grants, row.everyone_may);
  const account = { disabled: row.disabled, mayUseTokens: privileges.has('can_use') };
  const standing = tokenStanding({ token, account, tokensEnabled: row.tokens_enabled }, now);
  return {
    standing,
    reason: standing === 'revoked' ? row.revoke_reason : null,
    endsAt: endOf(token),
    engineRole: row.engine_role,
    roleGranted: row.role_granted,
    databases: row.databases,
  };
}
