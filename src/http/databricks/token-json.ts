import { z } from 'zod';
import { DAY_MS } from '../../core/duration.ts';
import { InvalidRequest } from '../failure.ts';
import type { IssueRequest } from '../../tokens/service.ts';
import type { TokenStanding } from '../../tokens/standing.ts';
import type { TokenView } from '../../tokens/views.ts';

/** Databricks' tokens need no comment, ours need a label. */
const NO_COMMENT = '(no comment)';
const NEVER = -1;

/** Expired and revoked tokens are in no list. */
export const VALID: readonly TokenStanding[] = ['live', 'owner_disabled', 'no_privilege', 'tokens_off'];

export const NewToken = z.object({
  comment: z.string().nullish(),
  lifetime_seconds: z.int().positive().nullish(),
});

export const EditToken = z.object({
  token: z.object({ comment: z.string().optional() }),
  /** https://google.aip.dev/134: without a mask, what is there. */
  update_mask: z.string().default('comment'),
});

/** The caller's view. */
export interface PublicTokenInfo {
  readonly token_id: string;
  readonly creation_time: number;
  readonly expiry_time: number;
  readonly comment: string;
}

/** The administrator's view. */
export interface TokenInfo extends PublicTokenInfo {
  readonly created_by_id?: number;
  readonly created_by_username: string;
  readonly owner_id: number;
  readonly last_used_day?: number;
  readonly workspace_id: number;
}

/** One installation is one workspace. */
const WORKSPACE_ID = 0;

export function publicTokenInfo({ databricksId, createdAt, expiresAt, label }: TokenView): PublicTokenInfo {
  return {
    token_id: databricksId,
    creation_time: createdAt.getTime(),
    expiry_time: expiresAt?.getTime() ?? NEVER,
    comment: label === NO_COMMENT ? '' : label,
  };
}

export function tokenInfo(token: TokenView): TokenInfo {
  const { creatorNumericId, lastUsedAt } = token;
  return {
    ...publicTokenInfo(token),
    ...(creatorNumericId === null ? {} : { created_by_id: creatorNumericId }),
    created_by_username: token.creator,
    owner_id: token.ownerNumericId,
    ...(lastUsedAt === null ? {} : { last_used_day: Math.floor(lastUsedAt.getTime() / DAY_MS) * DAY_MS }),
    workspace_id: WORKSPACE_ID,
  };
}

/** Without a lifetime: the longest that the policy allows. */
export function issueRequest({
  comment,
  lifetime_seconds: seconds,
}: z.output<typeof NewToken>): IssueRequest {
  const lifetime = typeof seconds === 'number' ? { ms: seconds * 1000 } : 'maximum';
  return { label: labelOf(comment), lifetime };
}

/** @throws InvalidRequest for a mask that names more than the comment, which is all that can be changed */
export function labelEdit({ token, update_mask: mask }: z.output<typeof EditToken>): { label?: string } {
  const fields = mask.split(',').map((field) => field.trim());
  const unknown = fields.filter((field) => field !== 'comment');
  if (unknown.length > 0) {
    throw new InvalidRequest([{ path: ['update_mask'], message: `Cannot update ${unknown.join(', ')}.` }]);
  }
  return { label: labelOf(token.comment) };
}

function labelOf(comment: string | null = null): string {
  return comment === null || comment.trim() === '' ? NO_COMMENT : comment;
}
