import { SCOPES, type Scope } from '../../accounts/actor.ts';
import { parseDuration } from '../../core/duration.ts';
import { isWellFormed } from '../../tokens/format.ts';
import type { Issued, IssueRequest, Lifetime, RotateRequest } from '../../tokens/service.ts';
import type { TokenView } from '../../tokens/views.ts';
import { columnsOf, command, rowOf, table, type Execution, type Plan, type View } from '../plan.ts';
import { SqlError } from '../sql-error.ts';
import type { CreateToken, Statement } from '../sql/statement.ts';
import type { Operand } from '../sql/words.ts';
import type { Row } from '../types.ts';
import { callerOf, uidOf } from './caller.ts';

type Of<K extends Statement['kind']> = Extract<Statement, { kind: K }>;

/** What a new token is shown as: the only place where its secret appears. */
const ISSUED: View<Issued> = [
  { name: 'token', type: 'text', of: ({ token }) => token?.reveal() ?? null },
  { name: 'tid', type: 'uuid', of: ({ info }) => info.tid },
  { name: 'owner', type: 'text', of: ({ info }) => info.owner },
  { name: 'label', type: 'text', of: ({ info }) => info.label },
  { name: 'created_at', type: 'timestamptz', of: ({ info }) => info.createdAt },
  { name: 'expires_at', type: 'timestamptz', of: ({ info }) => info.expiresAt },
  { name: 'rotated_from', type: 'uuid', of: ({ info }) => info.rotatedFrom },
];

export const TOKENS: View<TokenView> = [
  { name: 'tid', type: 'uuid', of: ({ tid }) => tid },
  { name: 'owner', type: 'text', of: ({ owner }) => owner },
  { name: 'label', type: 'text', of: ({ label }) => label },
  { name: 'prefix', type: 'text', of: ({ prefix }) => prefix },
  { name: 'state', type: 'text', of: ({ state }) => state },
  { name: 'created_at', type: 'timestamptz', of: ({ createdAt }) => createdAt },
  { name: 'expires_at', type: 'timestamptz', of: ({ expiresAt }) => expiresAt },
  { name: 'last_used_at', type: 'timestamptz', of: ({ lastUsedAt }) => lastUsedAt },
  { name: 'last_used_from', type: 'text', of: ({ lastUsedFrom }) => lastUsedFrom },
  { name: 'last_used_application', type: 'text', of: (token) => token.lastUsedApplication },
  { name: 'role', type: 'text', of: ({ role }) => role },
  { name: 'databases', type: 'text[]', of: ({ databases }) => databases },
  { name: 'networks', type: 'text[]', of: ({ networks }) => networks },
  { name: 'max_sessions', type: 'int8', of: ({ maxSessions }) => maxSessions },
  { name: 'scopes', type: 'text[]', of: ({ scopes }) => scopes },
  { name: 'description', type: 'text', of: ({ description }) => description },
  { name: 'creator', type: 'text', of: ({ creator }) => creator },
  { name: 'revoked_at', type: 'timestamptz', of: ({ revokedAt }) => revokedAt },
  { name: 'revoke_reason', type: 'text', of: ({ revokeReason }) => revokeReason },
  { name: 'rotated_from', type: 'uuid', of: ({ rotatedFrom }) => rotatedFrom },
  { name: 'rotated_to', type: 'uuid', of: ({ rotatedTo }) => rotatedTo },
  { name: 'retires_at', type: 'timestamptz', of: ({ retiresAt }) => retiresAt },
];

const CHANGES = { changes: true } as const;

export function createTokenPlan(statement: CreateToken): Plan {
  return table(
    columnsOf(ISSUED),
    () => 'CREATE TOKEN',
    async (execution) => {
      const caller = await callerOf(execution);
      const owner =
        statement.owner === undefined
          ? caller.uid
          : await uidOf(execution, caller, execution.text(statement.owner));
      return issuedRow(await execution.deps.tokens.issue(caller, requestOf(statement, owner, execution)));
    },
    CHANGES,
  );
}

export function rotateTokenPlan({ tid, overlap, lifetime }: Of<'rotateToken'>): Plan {
  return table(
    columnsOf(ISSUED),
    () => 'ROTATE TOKEN',
    async (execution) => {
      const request: RotateRequest = {
        ...(overlap && { overlapMs: durationOf(execution.text(overlap)) }),
        ...(lifetime && { lifetime: lifetimeOf(execution.text(lifetime)) }),
      };
      const id = tokenId(execution, tid);
      return issuedRow(await execution.deps.tokens.rotate(await callerOf(execution), id, request));
    },
    CHANGES,
  );
}

export function revokeTokensPlan({ tids, reason }: Of<'revokeTokens'>): Plan {
  return command(async (execution) => {
    const ids = tids.map((tid) => tokenId(execution, tid));
    const why = reason && execution.text(reason);
    const revoked = await execution.deps.tokens.revokeMany(await callerOf(execution), ids, why);
    return `REVOKE ${revoked}`;
  }, CHANGES);
}

export function revokeAllTokensPlan({ owner, reason }: Of<'revokeAllTokens'>): Plan {
  return command(async (execution) => {
    const caller = await callerOf(execution);
    const uid = owner === undefined ? caller.uid : await uidOf(execution, caller, execution.text(owner));
    const why = reason && execution.text(reason);
    return `REVOKE ${await execution.deps.tokens.revokeAll(caller, uid, why)}`;
  }, CHANGES);
}

function issuedRow(issued: Issued): readonly Row[] {
  return [rowOf(ISSUED, issued)];
}

function requestOf(statement: CreateToken, owner: string, execution: Execution): IssueRequest {
  const { label, lifetime, description, role, databases, networks, maxSessions, scopes } = statement;
  const texts = (list: readonly Operand[]): readonly string[] => list.map((item) => execution.text(item));
  return {
    owner,
    label: execution.text(label),
    ...(lifetime && { lifetime: lifetimeOf(execution.text(lifetime)) }),
    ...(description && { description: execution.text(description) }),
    ...(role && { role: execution.text(role) }),
    ...(databases && { databases: texts(databases) }),
    ...(networks && { networks: texts(networks) }),
    ...(maxSessions && { maxSessions: countOf(execution.text(maxSessions)) }),
    ...(scopes && { scopes: texts(scopes).map(scopeOf) }),
  };
}

function lifetimeOf(text: string): Lifetime {
  const word = text.trim().toLowerCase();
  if (word === 'default' || word === 'maximum' || word === 'never') return word;
  return { ms: durationOf(text) };
}

function durationOf(text: string): number {
  const ms = /^\s*0\s*$/.test(text) ? 0 : parseDuration(text);
  if (ms === null) throw new SqlError('22007', 'that is no duration: write it like 12 hours or 30 days');
  return ms;
}

function countOf(text: string): number {
  if (!/^\d{1,9}$/.test(text.trim())) throw new SqlError('22023', 'MAX SESSIONS takes a whole number');
  return Number(text);
}

function scopeOf(text: string): Scope {
  const scope = SCOPES.find((each) => each === text.toLowerCase());
  if (scope === undefined) throw new SqlError('22023', `a scope is one of ${SCOPES.join(', ')}`);
  return scope;
}

/** Ids are written to the audit; the token itself, pasted in the place of its id, must not be. */
function tokenId(execution: Execution, operand: Operand): string {
  const id = execution.text(operand);
  if (!isWellFormed(id) && !/^p(?:at|se)_/.test(id)) return id;
  throw new SqlError(
    '22023',
    'that is a token, not the id of one; SHOW TOKENS has the ids. A token that others may have seen should be revoked',
  );
}
