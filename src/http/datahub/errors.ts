import type { ErrorCode } from '../../core/errors.ts';
import { jsonAnswer, type ErrorAnswer } from '../facade.ts';
import type { Failure } from '../failure.ts';

const UNAUTHORIZED = 'Unauthorized to perform this action. Please contact your DataHub administrator.';

interface Extensions {
  readonly code: number;
  readonly type: string;
}

const UNAUTHORIZED_EXTENSIONS: Extensions = { code: 403, type: 'UNAUTHORIZED' };
/** Told in full: all that is wrong is where the caller is. */
const BARRED: Extensions = { code: 403, type: 'UNAUTHORIZED' };
export const BAD_REQUEST: Extensions = { code: 400, type: 'BAD_REQUEST' };

const EXTENSIONS: Partial<Record<ErrorCode, Extensions>> = {
  'request.invalid': BAD_REQUEST,
  'request.too_large': BAD_REQUEST,
  'request.conflict': BAD_REQUEST,
  'request.unauthenticated': { code: 401, type: 'UNAUTHORIZED' },
  'request.forbidden': UNAUTHORIZED_EXTENSIONS,
  'policy.no_privilege': UNAUTHORIZED_EXTENSIONS,
  'request.not_found': { code: 404, type: 'NOT_FOUND' },
  'request.method_not_allowed': { code: 405, type: 'METHOD_NOT_ALLOWED' },
  'request.rate_limited': { code: 429, type: 'RATE_LIMITED' },
  'policy.lifetime_too_long': BAD_REQUEST,
  'policy.never_expiring': BAD_REQUEST,
  'policy.too_many_tokens': BAD_REQUEST,
  'policy.tokens_off': BAD_REQUEST,
  'login.network_not_allowed': BARRED,
  'login.user_network_not_allowed': BARRED,
  'login.policy_network_not_allowed': BARRED,
};

/** `errors[0]` as DataHub's DataHubGraphQLException has it. */
export function datahubError({ code, message }: Failure): { message: string; extensions: Extensions } {
  const extensions = EXTENSIONS[code] ?? { code: 500, type: 'SERVER_ERROR' };
  return { message: extensions === UNAUTHORIZED_EXTENSIONS ? UNAUTHORIZED : message, extensions };
}

/** What fails before GraphQL is reached: no credential, a body that is no JSON. */
export function renderDatahubError(failure: Failure): ErrorAnswer {
  return jsonAnswer(failure.status, { errors: [datahubError(failure)] });
}
