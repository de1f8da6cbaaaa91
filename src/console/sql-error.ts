import {
  describeError,
  GatewayError,
  RequestError,
  type ClientFault,
  type ErrorCode,
} from '../core/errors.ts';

/** A statement that fails; the client is told as PostgreSQL would, and the session goes on. */
export class SqlError extends Error {
  readonly sqlState: string;
  readonly hint: string | undefined;

  /** @param message for the client: it may quote what the client sent, so it is never logged */
  constructor(sqlState: string, message: string, hint?: string) {
    super(message);
    this.name = 'SqlError';
    this.sqlState = sqlState;
    this.hint = hint;
  }
}

const WHAT_THERE_IS = 'SHOW HELP lists what the SQL console knows; tables are in the other databases.';

/** 0A000: understood, or at least SQL, and not what the console is for. */
export function unsupported(what: string): SqlError {
  return new SqlError('0A000', `the SQL console does not support ${what}: ${WHAT_THERE_IS}`);
}

/** By what services throw. Those of logins, sessions and engines do not reach a statement. */
const SQL_STATES: Partial<Readonly<Record<ErrorCode, string>>> = {
  'request.invalid': '22023',
  'request.forbidden': '42501',
  'request.not_found': '42704',
  'request.conflict': '55000',
  'request.too_large': '54000',
  'request.rate_limited': '53400',
  'policy.lifetime_too_long': '42501',
  'policy.never_expiring': '42501',
  'policy.too_many_tokens': '53400',
  'policy.tokens_off': '42501',
  'policy.no_privilege': '42501',
  'store.conflict': '40001',
};

const STORE_TROUBLE = 'the token store cannot be used at the moment; try again later';

/** What a client is told of anything that a statement threw; null: a defect, which the log must hear of. */
export function faultOf(error: unknown): ClientFault | null {
  if (error instanceof SqlError) {
    const { sqlState, message, hint } = error;
    return { severity: 'ERROR', sqlState, message, ...(hint === undefined ? {} : { hint }) };
  }
  if (error instanceof RequestError) {
    const sqlState = SQL_STATES[error.code];
    return sqlState === undefined ? null : { severity: 'ERROR', sqlState, message: inOneSentence(error) };
  }
  if (error instanceof GatewayError) {
    // Its texts were written for logins.
    if (error.code === 'store.conflict')
      return { severity: 'ERROR', sqlState: '40001', message: STORE_TROUBLE };
    if (error.code.startsWith('store.'))
      return { severity: 'ERROR', sqlState: '57P03', message: STORE_TROUBLE };
  }
  return null;
}

export const DEFECT: ClientFault = {
  severity: 'ERROR',
  sqlState: 'XX000',
  message: 'internal error in the gateway',
};

/** As PostgreSQL writes messages: no capital at the start and no full stop. */
function inOneSentence(error: RequestError): string {
  const text = describeError(error).replace(/\.$/, '');
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
