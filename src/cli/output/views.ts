import type { GroupView, UserView } from '../../accounts/views.ts';
import type { AuditRow, AuditVerdict } from '../../store/audit.ts';
import type { ListedSession } from '../../store/live-sessions.ts';
import type { PolicyChange } from '../../store/policy.ts';
import type { TokenView } from '../../tokens/views.ts';
import { columnsOf } from './columns.ts';

export const USER_COLUMNS = columnsOf<UserView>(
  ['name', 'NAME'],
  ['email', 'E-MAIL'],
  ['kind', 'KIND'],
  ['state', 'STATE'],
  'uid',
  'numericId',
  'displayName',
  'applicationId',
  ['engineRole', 'ENGINE ROLE'],
  'defaultDatabase',
  'databases',
  'networks',
  'hasPassword',
  ['groups', 'GROUPS'],
  ['privileges', 'PRIVILEGES'],
  ['createdAt', 'CREATED'],
  'disabledAt',
  'removedAt',
);

/** A group together with what is granted to it. */
export interface GroupRow extends GroupView {
  readonly privileges: readonly string[];
}

export const GROUP_COLUMNS = columnsOf<GroupRow>(
  ['name', 'NAME'],
  'gid',
  ['members', 'MEMBERS'],
  ['privileges', 'PRIVILEGES'],
  ['createdAt', 'CREATED'],
);

export const TOKEN_COLUMNS = columnsOf<TokenView>(
  ['tid', 'TID'],
  ['owner', 'OWNER'],
  ['label', 'LABEL'],
  ['prefix', 'PREFIX'],
  ['state', 'STATE'],
  'uid',
  'kind',
  'creator',
  'description',
  ['createdAt', 'CREATED'],
  ['expiresAt', 'EXPIRES'],
  ['lastUsedAt', 'LAST USED'],
  'lastUsedFrom',
  'lastUsedApplication',
  'role',
  'databases',
  'networks',
  'maxSessions',
  'scopes',
  'revokedAt',
  'revokeReason',
  'rotatedFrom',
  'rotatedTo',
  'retiresAt',
  'databricksId',
  'datahubId',
);

export const SESSION_COLUMNS = columnsOf<ListedSession>(
  ['sid', 'SID'],
  ['user', 'USER'],
  ['label', 'TOKEN'],
  ['database', 'DATABASE'],
  ['role', 'ROLE'],
  ['address', 'ADDRESS'],
  ['application', 'APPLICATION'],
  ['startedAt', 'STARTED'],
  'uid',
  'tid',
  'mechanism',
  'engine',
  'engineProcessId',
  'tls',
  'host',
  'processId',
);

export const AUDIT_COLUMNS = columnsOf<AuditRow>(
  ['seq', 'SEQ'],
  ['at', 'AT'],
  ['action', 'ACTION'],
  ['outcome', 'OUTCOME'],
  { key: 'actor', heading: 'ACTOR', value: ({ actor }) => actor.name },
  { key: 'actorUid', heading: null, value: ({ actor }) => actor.uid },
  { key: 'via', heading: 'VIA', value: ({ actor }) => actor.via },
  { key: 'actorTid', heading: null, value: ({ actor }) => actor.tid },
  { key: 'targetKind', heading: null, value: ({ target }) => target?.kind ?? null },
  { key: 'targetId', heading: null, value: ({ target }) => target?.id ?? null },
  { key: 'target', heading: 'TARGET', value: ({ target }) => target?.name ?? target?.id ?? null },
  ['address', 'ADDRESS'],
  'application',
  ['reason', 'REASON'],
  { key: 'detail', heading: null, value: ({ detail }) => (detail === null ? null : JSON.stringify(detail)) },
  'hash',
);

export const VERDICT_COLUMNS = columnsOf<AuditVerdict>(
  'ok',
  { key: 'rows', heading: null, value: (verdict) => (verdict.ok ? verdict.rows : null) },
  { key: 'firstSeq', heading: null, value: (verdict) => (verdict.ok ? verdict.firstSeq : null) },
  { key: 'lastSeq', heading: null, value: (verdict) => (verdict.ok ? verdict.lastSeq : null) },
  { key: 'seq', heading: null, value: (verdict) => (verdict.ok ? null : verdict.seq) },
  { key: 'problem', heading: null, value: (verdict) => (verdict.ok ? null : verdict.problem) },
);

export const POLICY_CHANGE_COLUMNS = columnsOf<PolicyChange>(
  ['version', 'VERSION'],
  ['at', 'AT'],
  ['by', 'BY'],
  { key: 'before', heading: 'BEFORE', value: ({ before }) => JSON.stringify(before) },
  { key: 'after', heading: 'AFTER', value: ({ after }) => JSON.stringify(after) },
);
