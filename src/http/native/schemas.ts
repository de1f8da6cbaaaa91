import { z } from '@hono/zod-openapi';
import { PRIVILEGES, SCOPES } from '../../accounts/actor.ts';

const DATE_TIME = { type: 'string', format: 'date-time', example: '2026-01-31T12:00:00.000Z' } as const;

/** A Date of a service as ISO-8601 UTC. */
const Time = z
  .date()
  .transform((time) => time.toISOString())
  .openapi(DATE_TIME);
const TimeOrNull = z
  .date()
  .nullable()
  .transform((time) => time?.toISOString() ?? null)
  .openapi({ ...DATE_TIME, type: ['string', 'null'] });

/** ISO-8601 in a request. */
export const TimeParameter = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .openapi(DATE_TIME);

export const Uid = z.guid().openapi({ description: 'Of a user.' });
export const Limit = z.coerce.number().int().min(1).max(1000).optional();
export const Cursor = z.string().min(1).max(500).optional();
export const Privilege = z.enum(PRIVILEGES);
export const TokenState = z.enum([
  'live',
  'revoked',
  'expired',
  'owner_disabled',
  'no_privilege',
  'tokens_off',
]);

const Names = z.array(z.string()).nullable();

export const Token = z
  .object({
    tid: z.guid(),
    uid: z.guid().openapi({ description: 'Of the owner: whom the token stands for.' }),
    owner: z.string(),
    creatorUid: z.guid().nullable(),
    creator: z.string(),
    kind: z.enum(['personal', 'service']),
    label: z.string(),
    description: z.string().nullable(),
    prefix: z.string().openapi({ description: 'The first characters of the secret.' }),
    state: TokenState,
    createdAt: Time,
    expiresAt: TimeOrNull,
    lastUsedAt: TimeOrNull,
    lastUsedFrom: z.string().nullable(),
    lastUsedApplication: z.string().nullable(),
    role: z.string().nullable(),
    databases: Names,
    networks: Names.openapi({ description: 'CIDR.' }),
    maxSessions: z.number().int().nullable(),
    scopes: z.array(z.string()),
    revokedAt: TimeOrNull,
    revokeReason: z.string().nullable(),
    rotatedFrom: z.guid().nullable(),
    rotatedTo: z.guid().nullable(),
    retiresAt: TimeOrNull.openapi({ description: 'When a rotated token stops working.' }),
    databricksId: z.string(),
    datahubId: z.string(),
  })
  .openapi('Token');

export const User = z
  .object({
    uid: z.guid(),
    numericId: z.number().int(),
    name: z.string(),
    email: z.string().nullable(),
    displayName: z.string().nullable(),
    kind: z.enum(['person', 'service']),
    applicationId: z.string().nullable(),
    state: z.enum(['active', 'disabled', 'removed']),
    engineRole: z.string().nullable(),
    defaultDatabase: z.string().nullable(),
    databases: Names,
    networks: Names.openapi({
      description: 'CIDR that they may log in from; null: anywhere that the policy allows.',
    }),
    hasPassword: z.boolean(),
    groups: z.array(z.string()),
    privileges: z.array(Privilege),
    createdAt: Time,
    disabledAt: TimeOrNull,
    removedAt: TimeOrNull,
  })
  .openapi('User');

export const Group = z
  .object({ gid: z.guid(), name: z.string(), members: z.array(z.string()), createdAt: Time })
  .openapi('Group');

export const Grantee = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('user'), name: z.string().min(1) }),
    z.object({ kind: z.literal('group'), name: z.string().min(1) }),
    z.object({ kind: z.literal('everyone') }),
  ])
  .openapi('Grantee');

export const Grant = z
  .object({
    privilege: Privilege,
    grantee: Grantee,
    granteeId: z.string().nullable(),
    granteeKind: z.enum(['person', 'service']).nullable(),
  })
  .openapi('Grant');

export const Policy = z
  .object({
    tokensEnabled: z.boolean(),
    maxLifetimeMs: z.int(),
    defaultLifetimeMs: z.int(),
    neverExpiringAllowed: z.boolean(),
    revokeUnusedDays: z.int(),
    createAndUse: z.enum(['everyone', 'granted']),
    maxLiveTokensPerUser: z.int(),
    rotationOverlapMs: z.int(),
    expiryNoticeDays: z.int(),
    auditRetentionDays: z.int(),
    networks: Names.openapi({ description: 'CIDR that anybody may log in from; null: anywhere.' }),
  })
  .openapi('Policy');

export const PolicyPatch = Policy.partial().strict().openapi('PolicyPatch');

export const PolicyChange = z
  .object({
    version: z.number().int(),
    at: Time,
    by: z.string(),
    before: z.record(z.string(), z.unknown()),
    after: z.record(z.string(), z.unknown()),
  })
  .openapi('PolicyChange');

export const Session = z
  .object({
    sid: z.guid(),
    uid: z.guid(),
    user: z.string(),
    tid: z.guid().nullable(),
    label: z.string().nullable(),
    mechanism: z.string(),
    engine: z.string(),
    database: z.string(),
    role: z.string(),
    engineProcessId: z.number().int(),
    address: z.string(),
    application: z.string().nullable(),
    tls: z.string().nullable(),
    startedAt: Time,
    host: z.string(),
    processId: z.number().int(),
  })
  .openapi('Session');

export const AuditRow = z
  .object({
    seq: z.number().int(),
    at: Time,
    action: z.string(),
    outcome: z.enum(['ok', 'refused', 'failed']),
    actor: z.object({
      uid: z.string().nullable(),
      name: z.string(),
      via: z.string(),
      tid: z.string().nullable(),
    }),
    target: z.object({ kind: z.string(), id: z.string().nullable(), name: z.string().nullable() }).nullable(),
    address: z.string().nullable(),
    application: z.string().nullable(),
    reason: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()).nullable(),
    hash: z.string(),
  })
  .openapi('AuditRow');

/** For changes that could shut out whoever asks for them. */
export const ForceQuery = z.object({
  force: z
    .enum(['true', 'false'])
    .optional()
    .transform((text) => text === 'true')
    .openapi({ description: 'Also when your own address would not be allowed any more.' }),
});

export const Scopes = z.array(z.enum(SCOPES));

/** RFC 9457 */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string().openapi({ example: 'request.forbidden' }),
    requestId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');
