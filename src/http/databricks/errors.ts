import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { RequestError, type ErrorCode } from '../../core/errors.ts';
import { jsonAnswer, type ErrorAnswer } from '../facade.ts';
import type { Failure } from '../failure.ts';

interface Shape {
  readonly status: ContentfulStatusCode;
  readonly errorCode: string;
  /** In place of the failure's own message. */
  readonly message?: string;
}

const SHAPES: Partial<Record<ErrorCode, Shape>> = {
  'request.invalid': { status: 400, errorCode: 'INVALID_PARAMETER_VALUE' },
  'request.too_large': { status: 413, errorCode: 'INVALID_PARAMETER_VALUE' },
  'request.forbidden': { status: 403, errorCode: 'PERMISSION_DENIED' },
  'request.not_found': { status: 404, errorCode: 'RESOURCE_DOES_NOT_EXIST' },
  'request.conflict': { status: 400, errorCode: 'INVALID_STATE' },
  'request.rate_limited': { status: 429, errorCode: 'REQUEST_LIMIT_EXCEEDED' },
  'policy.lifetime_too_long': { status: 400, errorCode: 'INVALID_PARAMETER_VALUE' },
  'policy.never_expiring': { status: 400, errorCode: 'INVALID_PARAMETER_VALUE' },
  // Not 429: SDKs would try again for minutes.
  'policy.too_many_tokens': { status: 400, errorCode: 'QUOTA_EXCEEDED' },
  'policy.tokens_off': { status: 404, errorCode: 'FEATURE_DISABLED', message: 'Tokens are disabled.' },
  'policy.no_privilege': {
    status: 403,
    errorCode: 'PERMISSION_DENIED',
    message: 'User does not have permission to use tokens.',
  },
  'login.network_not_allowed': { status: 403, errorCode: 'PERMISSION_DENIED' },
  'login.user_network_not_allowed': { status: 403, errorCode: 'PERMISSION_DENIED' },
  'login.policy_network_not_allowed': { status: 403, errorCode: 'PERMISSION_DENIED' },
  'store.conflict': { status: 409, errorCode: 'RESOURCE_CONFLICT' },
  'store.unreachable': { status: 503, errorCode: 'TEMPORARILY_UNAVAILABLE' },
  'store.read_only': { status: 503, errorCode: 'TEMPORARILY_UNAVAILABLE' },
  'store.failed': { status: 503, errorCode: 'TEMPORARILY_UNAVAILABLE' },
  'store.not_migrated': { status: 503, errorCode: 'TEMPORARILY_UNAVAILABLE' },
  'login.overloaded': { status: 503, errorCode: 'TEMPORARILY_UNAVAILABLE' },
};

const INTERNAL: Shape = { status: 500, errorCode: 'INTERNAL_ERROR' };

/**
 * `{"error_code","message"}`; a bad credential has a number for a code, as there. Scripts have nothing but a token to call
 * with, so one that is only suspended is told so.
 */
export function renderDatabricksError(failure: Failure): ErrorAnswer {
  if (failure.code === 'request.unauthenticated' && failure.suspendedBy === null) {
    return jsonAnswer(403, { error_code: 403, message: 'Invalid access token.' });
  }
  const shape = SHAPES[failure.suspendedBy ?? failure.code] ?? INTERNAL;
  const message = shape.message ?? failure.message;
  return jsonAnswer(shape.status, { error_code: shape.errorCode, message });
}

export function noToken(id: string): RequestError {
  return new RequestError('request.not_found', `No valid token with ID ${id} found.`);
}

/** Runs `work` on the token of that id; unknown and dead ones are told in Databricks' words. */
export async function onToken<T>(id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const isGone = error.code === 'request.not_found' || error.code === 'request.conflict';
    throw isGone ? noToken(id) : error;
  }
}
