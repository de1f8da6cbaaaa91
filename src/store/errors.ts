import { DatabaseError } from 'pg';
import { describeError, fatal, GatewayError, RequestError, type ClientFault } from '../core/errors.ts';

/** @param why what is wrong with the token store, for people who can not log in */
function loginsUnavailable(why: string): ClientFault<'57P03'> {
  return fatal('57P03', `logins are unavailable: the token store ${why}`);
}

/** Node's codes for a network that fails, and the texts of pg's own errors, which carry none. */
const BROKEN_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT',
]);
const BROKEN_TEXTS =
  /connection terminated|timeout exceeded when trying to connect|timeout expired|query read timeout|connection error and is not queryable|client was closed|cannot use a pool after calling end/i;
const CROWDED_TEXT = /timeout exceeded when trying to connect/i;
const TIMEOUT_TEXT = /query read timeout/i;
const TLS_TEXTS = /SSL|TLS|certificate|self-signed/i;

/** Classes of SQLSTATE after which this connection, or any to this server, is of no use. */
const UNREACHABLE_STATES = /^(?:08|57P0|53300|28|3D000)/;
/** A full disk, no memory, an I/O error, a time limit of the store's own: not the statement's fault. */
const FAILED_STATES = /^(?:53|58|57014|55P03|25P03)/;

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
const READ_ONLY = '25006';
const UNDEFINED_TABLE = '42P01';
const INVALID_SCHEMA = '3F000';
const UNIQUE_VIOLATION = '23505';
/** Class 22, src/backend/utils/errcodes.txt */
const DATA_EXCEPTION = '22';

/** What the store did wrong, in patgate's words; other errors come back as they are, but for row values. */
export function storeError(error: unknown): Error {
  if (error instanceof GatewayError) return error;
  if (error instanceof DatabaseError) return fromServer(error);
  if (error instanceof AggregateError && error.errors.length > 0) return storeError(error.errors[0]);
  if (isBrokenConnection(error) || (error instanceof Error && TLS_TEXTS.test(error.message))) {
    return unreachable(describeError(error));
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** Whether the connection itself failed, so that the same statement may work on another one. */
export function isBrokenConnection(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(?:08|57P0)/.test(error.code ?? '');
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return BROKEN_CODES.has(code) || BROKEN_TEXTS.test(error.message);
}

/** Whether the store did not answer in time. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && TIMEOUT_TEXT.test(error.message);
}

/** Whether all connections of our own were lent for too long: no server is to blame. */
export function isCrowded(error: unknown): boolean {
  return error instanceof Error && CROWDED_TEXT.test(error.message);
}

/** Whether the store is one that takes no changes, such as a primary that was demoted. */
export function isReadOnly(error: unknown): boolean {
  return sqlState(error) === READ_ONLY;
}

/** Whether the transaction met another one and may be tried again from its beginning. */
export function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state === SERIALIZATION_FAILURE || state === DEADLOCK;
}

/** Values that no column, constraint, index or trigger takes, and limits that they are beyond. */
const ROW_STATES = /^(?:22|23|54)/;

/** Whether it is for what is in the rows that a statement failed, so that it will fail each time. */
export function isAboutTheRows(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  // A number in a chain that is taken already says nothing about the row that was to have it.
  return ROW_STATES.test(state) && state !== UNIQUE_VIOLATION;
}

/**
 * Reads what somebody asked for.
 * @throws RequestError request.invalid, when a value of the question is one that PostgreSQL does not take
 */
export async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(sqlState(error) ?? '').startsWith(DATA_EXCEPTION)) throw error;
    throw new RequestError('request.invalid', 'A value of the query is not one that it can be.', {
      cause: error,
    });
  }
}

/** @param constraint name of the unique index or constraint that may be violated */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof DatabaseError && error.code === UNIQUE_VIOLATION && error.constraint === constraint;
}

/** @returns the SQLSTATE of an error of the server, else null */
export function sqlState(error: unknown): string | null {
  return error instanceof DatabaseError ? (error.code ?? null) : null;
}

function fromServer(error: DatabaseError): Error {
  const state = error.code ?? '';
  if (state === READ_ONLY) {
    return new GatewayError(
      'store.read_only',
      `the store is read-only: ${error.message}`,
      loginsUnavailable('takes no changes at the moment'),
    );
  }
  if (state === UNDEFINED_TABLE || state === INVALID_SCHEMA) {
    return new GatewayError(
      'store.not_migrated',
      `the store lacks tables: run "patgate migrate" (${error.message})`,
      loginsUnavailable('is not set up'),
    );
  }
  const reason = `${error.message} (SQLSTATE ${state})`;
  if (UNREACHABLE_STATES.test(state)) return unreachable(reason);
  if (FAILED_STATES.test(state)) {
    return new GatewayError(
      'store.failed',
      `the store failed: ${reason}`,
      loginsUnavailable('cannot do its work at the moment'),
    );
  }
  // "Failing row contains (…)" shows keys of tokens; nothing that is logged may.
  error.detail = undefined;
  error.where = undefined;
  return error;
}

function unreachable(reason: string): GatewayError {
  return new GatewayError(
    'store.unreachable',
    `the store cannot be reached: ${reason}`,
    loginsUnavailable('cannot be reached at the moment'),
  );
}
