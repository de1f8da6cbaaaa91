import { z } from '@hono/zod-openapi';
import { parseDuration } from '../../core/duration.ts';
import type { Lifetime } from '../../tokens/service.ts';
import type { ListQuery } from '../../tokens/views.ts';
import { defined } from '../../core/defined.ts';
import { Cursor, Limit, Scopes, TimeParameter, TokenState, Uid } from './schemas.ts';

const NAMED_LIFETIMES = ['default', 'maximum', 'never'] as const;

function toLifetime(text: string): Lifetime | null {
  const named = NAMED_LIFETIMES.find((name) => name === text);
  if (named !== undefined) return named;
  const ms = parseDuration(text);
  return ms === null ? null : { ms };
}

const lifetimeText = z
  .string()
  .max(50)
  .refine(
    (text) => toLifetime(text) !== null,
    'must be like "30 days", "12h", "default", "maximum" or "never"',
  )
  .openapi({ example: '30 days', description: 'A duration, or `default`, `maximum` or `never`.' });
const LifetimeText = lifetimeText.transform((text) => toLifetime(text) ?? 'default');

const durationText = z
  .string()
  .max(50)
  .refine((text) => parseDuration(text) !== null, 'must be like "24h" or "2 days"')
  .openapi({ example: '24h' });
const DurationMs = durationText.transform((text) => parseDuration(text) ?? 0);

const Names = z.array(z.string().min(1).max(250)).max(100).nullable();

export const NewToken = z
  .strictObject({
    label: z.string(),
    description: z.string().nullable().optional(),
    owner: Uid.optional().openapi({ description: 'Oneself when left out.' }),
    lifetime: LifetimeText.optional(),
    role: z.string().min(1).max(63).nullable().optional(),
    databases: Names.optional(),
    networks: Names.optional().openapi({ description: 'Addresses or CIDR.' }),
    maxSessions: z.int().min(1).nullable().optional(),
    scopes: Scopes.optional(),
  })
  .openapi('NewToken');

export const TokenEdit = z
  .strictObject({ label: z.string().optional(), description: z.string().nullable().optional() })
  .openapi('TokenEdit');

export const Rotation = z
  .strictObject({
    overlap: DurationMs.optional().openapi({ description: 'How long the old token lives on.' }),
    lifetime: LifetimeText.optional(),
  })
  .openapi('Rotation');

export const IdempotencyKey = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/)
    .optional()
    .openapi({ description: 'A repeated request with the same key makes nothing and gets no secret.' }),
});

export const Reason = z.string().min(1).max(250).optional();

export const Revocation = z
  .strictObject({ tids: z.array(z.string().min(1).max(250)).min(1).max(1000), reason: Reason })
  .openapi('Revocation');

const StateList = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(TokenState));

/** What lists and exports are filtered and sorted by. */
export const TokenFilter = z.object({
  owner: Uid.optional(),
  createdBy: Uid.optional(),
  state: StateList.optional().openapi({ type: 'string', example: 'live,expired' }),
  search: z.string().max(250).optional(),
  quick: z.enum(['inactive_owners', 'no_expiry', 'unused', 'expiring_soon']).optional(),
  createdFrom: TimeParameter.optional(),
  createdBefore: TimeParameter.optional(),
  expiresFrom: TimeParameter.optional(),
  expiresBefore: TimeParameter.optional(),
  lastUsedFrom: TimeParameter.optional(),
  lastUsedBefore: TimeParameter.optional(),
  sort: z.enum(['createdAt', 'expiresAt', 'lastUsedAt', 'label', 'owner']).optional(),
  direction: z.enum(['asc', 'desc']).optional(),
});

export const TokenQuery = TokenFilter.extend({ limit: Limit, cursor: Cursor });

/** @returns the service's query: the same but for the name of one field, and without what was left out */
export function listQuery({ state, ...rest }: z.output<typeof TokenQuery>): ListQuery {
  return defined({ ...rest, states: state });
}
