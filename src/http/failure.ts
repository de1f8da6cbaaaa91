import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { TooManyGuesses } from '../accounts/guess-guard.ts';
import { ERROR_REFERENCE } from '../core/error-reference.ts';
import { describeError, GatewayError, RequestError, type ErrorCode } from '../core/errors.ts';

/** What went wrong, as far as the caller may know; each facade puts it into its own product's words. */
export interface Failure {
  readonly status: ContentfulStatusCode;
  readonly code: ErrorCode;
  readonly message: string;
  readonly issues: readonly Issue[];
  readonly retryAfterSeconds: number | null;
  /** Methods of the path, where the request came with another. */
  readonly allow: readonly string[];
  /** Why a credential that was proved in full does not count for now; null when that is not what failed. */
  readonly suspendedBy: Suspension | null;
}

/** What suspends a token without ending it. */
export type Suspension = Extract<ErrorCode, 'policy.tokens_off' | 'policy.no_privilege'>;

/** One field that does not fit. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** The part of a zod issue that is used here. */
interface ShapeIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

const MAX_ISSUES = 10;

/** A request whose fields have wrong types or values. */
export class InvalidRequest extends RequestError {
  readonly issues: readonly Issue[];

  constructor(issues: readonly ShapeIssue[]) {
    const shown = issues.slice(0, MAX_ISSUES).map((issue) => ({
      path: issue.path.map(String).join('.'),
      message: issue.message,
    }));
    const texts = shown.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    super('request.invalid', texts.join('; ') || 'The request is malformed.');
    this.name = 'InvalidRequest';
    this.issues = shown;
  }
}

/** Refused for now; the same request may be tried again later. */
export class RateLimited extends RequestError {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, message = 'Too many failed attempts. Try again later.') {
    super('request.rate_limited', message);
    this.name = 'RateLimited';
    this.retryAfterMs = retryAfterMs;
  }
}

/** A live token, proved in full, that does not count for now. Looks like any other bad credential unless a facade tells. */
export class SuspendedCredential extends RequestError {
  readonly suspendedBy: Suspension;

  constructor(message: string, suspendedBy: Suspension) {
    super('request.unauthenticated', message);
    this.name = 'SuspendedCredential';
    this.suspendedBy = suspendedBy;
  }
}

/** The path is known, but not with that method. */
export class MethodNotAllowed extends RequestError {
  readonly allow: readonly string[];

  constructor(method: string, allow: readonly string[]) {
    super('request.method_not_allowed', `${method} is not possible here; ${allow.join(', ')} is.`);
    this.name = 'MethodNotAllowed';
    this.allow = allow;
  }
}

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'request.unauthenticated',
  403: 'request.forbidden',
  404: 'request.not_found',
  413: 'request.too_large',
  429: 'request.rate_limited',
};

/** Whoever fails to prove who they are hears only this, whatever the reason; the log has the code. */
const UNAUTHENTICATED = 'The credential is missing, unknown, expired or revoked.';
const INTERNAL = 'An internal error happened; the log has the details.';
/** Where the message is meant for operators, callers hear this. */
const TEXT: Partial<Record<ErrorCode, string>> = {
  'store.unreachable': 'The store cannot be reached at the moment. Try again later.',
  'store.read_only': 'The store cannot be written to at the moment. Try again later.',
  'store.not_migrated': 'The store is not ready for this version. Try again later.',
  'store.newer': 'The store is not ready for this version. Try again later.',
  'store.conflict': 'The change met others. Try again.',
  'store.failed': 'The store cannot do its work at the moment. Try again later.',
  'login.overloaded': 'Too many requests are waiting. Try again later.',
  'login.oauth_unavailable': 'The identity provider cannot be reached at the moment. Try again later.',
  'login.throttled': 'Too many failed logins. Try again later.',
};

function plain(status: ContentfulStatusCode, code: ErrorCode, message: string): Failure {
  return { status, code, message, issues: [], retryAfterSeconds: null, allow: [], suspendedBy: null };
}

function ofRequestError(error: RequestError | GatewayError): Failure {
  const status = ERROR_REFERENCE[error.code].httpStatus;
  if (status === null || status === 500) return plain(500, 'internal', INTERNAL);
  if (error.code.startsWith('login.') && status === 401)
    return plain(401, 'request.unauthenticated', UNAUTHENTICATED);
  const own = error instanceof GatewayError ? INTERNAL : error.message;
  const waitMs = waitOf(error);
  return {
    status,
    code: error.code,
    message: TEXT[error.code] ?? own,
    issues: error instanceof InvalidRequest ? error.issues : [],
    retryAfterSeconds: waitMs === null ? null : Math.max(1, Math.ceil(waitMs / 1000)),
    allow: error instanceof MethodNotAllowed ? error.allow : [],
    suspendedBy: error instanceof SuspendedCredential ? error.suspendedBy : null,
  };
}

function waitOf(error: RequestError | GatewayError): number | null {
  if (error instanceof RateLimited) return error.retryAfterMs;
  return error instanceof TooManyGuesses ? error.waitMs : null;
}

/** Turns anything thrown into what the caller may know of it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof RequestError || error instanceof GatewayError) return ofRequestError(error);
  if (error instanceof HTTPException && error.status < 500) {
    return plain(error.status, CODE_OF_STATUS[error.status] ?? 'request.invalid', describeError(error));
  }
  return plain(500, 'internal', INTERNAL);
}
