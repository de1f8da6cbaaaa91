import type { ERROR_REFERENCE } from './error-reference.ts';

/**
 * Every failure that patgate can name, with what an operator should know of it. `docs/errors.md` is generated from here.
 * A code is stable: logs, audit rows and metrics carry it.
 */
export const ERROR_CODES = {
  // wire
  'wire.malformed': 'The client sent bytes that are not a well-formed protocol message.',
  'wire.unsupported_protocol': 'The client asked for a protocol version other than 3.x.',
  'wire.plaintext_behind_ssl_request':
    'Bytes arrived with or right behind SSLRequest, before the TLS handshake.',
  'wire.tls_handshake': 'The TLS handshake with a client failed.',
  'wire.proxy_header':
    'A PROXY protocol header was missing, malformed, or came from an address that is not in listen.proxy_protocol_from.',
  'wire.timeout': 'The client did not finish logging in within login.timeout.',
  // login
  'login.tls_required': 'A client without TLS was refused before any secret was asked for.',
  'login.unknown_user': 'No user of that name.',
  'login.wrong_secret': 'The user exists; neither the password nor a token of theirs fits.',
  'login.empty_password': 'The client sent an empty password.',
  'login.not_a_token': 'A token user name came with something that is not a well-formed token.',
  'login.unknown_token': 'A well-formed token that this store never issued.',
  'login.wrong_owner': 'A live token of another user than the one named.',
  'login.token_revoked': 'The secret was right, but the token is revoked.',
  'login.token_expired': 'The secret was right, but the token has expired.',
  'login.owner_disabled': 'The secret was right, but its owner is disabled or removed.',
  'login.no_token_privilege': 'The secret was right, but its owner may not use tokens.',
  'login.tokens_off': 'The secret was right, but tokens are switched off.',
  'login.network_not_allowed':
    'The secret was right, but the token may not be used from the client’s address.',
  'login.user_network_not_allowed':
    'The secret was right, but its user may not log in from the client’s address.',
  'login.policy_network_not_allowed':
    'The secret was right, but the policy lets nobody log in from the client’s address.',
  'login.database_not_allowed':
    'The secret was right, but the token or principal may not reach that database.',
  'login.role_not_allowed': 'The secret was right, but the session asked for a role that it may not have.',
  'login.replication_not_allowed':
    'The session asked for a replication connection, which the gateway does not allow.',
  'login.scram_violation': 'The SCRAM exchange broke RFC 5802.',
  'login.channel_binding': 'Channel binding was demanded, downgraded or did not match.',
  'login.method_unavailable':
    'The account holds no secret that can be used with the method asked for, or no identity provider is configured.',
  'login.oauth_rejected': 'The OAuth token was not accepted.',
  'login.oauth_unavailable': 'The identity provider’s keys could not be had.',
  'login.throttled': 'Too many failed logins from this address for this account.',
  'login.overloaded': 'Too many logins are waiting for a password hash.',
  // sessions
  'session.too_many': 'A limit on sessions was reached.',
  'session.out_of_memory': 'A login was refused because memory is scarce.',
  'session.revoked': 'The session ended because its token was revoked.',
  'session.expired': 'The session ended because its token expired.',
  'session.principal_lost':
    'The session ended because its owner was disabled or lost the right to use tokens.',
  'session.password_changed':
    'The session ended because the password that it was opened with is not the user’s any more.',
  'session.tokens_off': 'The session ended because tokens were switched off.',
  'session.database_not_allowed':
    'The session ended because its user may no longer reach the database that it is connected to.',
  'session.user_network_not_allowed':
    'The session ended because its user may no longer come from the client’s address.',
  'session.policy_network_not_allowed':
    'The session ended because the policy no longer lets anybody come from the client’s address.',
  'session.killed': 'An administrator ended the session.',
  'session.idle': 'The session was idle for longer than sessions.idle_timeout.',
  'session.draining': 'The gateway is shutting down.',
  'session.client_protocol': 'The client broke the protocol after login.',
  // engine
  'engine.no_such_database': 'No engine is configured for the database asked for.',
  'engine.unreachable': 'The engine could not be reached.',
  'engine.tls': 'TLS to the engine failed.',
  'engine.credential_rejected': 'The engine refused the credential that the gateway holds.',
  'engine.unsupported_authentication':
    'The engine asked for an authentication method that patgate does not speak or permit.',
  'engine.server_signature': 'The engine could not prove that it knows the role’s secret.',
  'engine.protocol': 'The engine sent bytes that are not a well-formed protocol message.',
  'engine.lost': 'The engine’s connection broke, or was closed without a word, during a session.',
  'engine.refused': 'The engine refused the session; its own error was passed on.',
  // store
  'store.unreachable': 'The store could not be reached.',
  'store.read_only': 'The store is read-only.',
  'store.failed':
    'The store could not do its work: a full disk, no memory, an I/O error, a time limit of its own.',
  'store.not_migrated': 'The store lacks tables that this version needs: run patgate migrate.',
  'store.newer': 'The store was migrated by a newer version of patgate.',
  'store.conflict': 'Two changes met; one of them was not applied.',
  // requests from people, scripts and pages
  'request.invalid': 'A request is malformed or breaks a rule of the interface.',
  'request.unauthenticated': 'No credential, or one that is not valid.',
  'request.forbidden': 'The caller lacks the privilege.',
  'request.not_found': 'No such object, or none that the caller may see.',
  'request.conflict': 'The object exists already, or its state forbids the action.',
  'request.locks_out': 'The change would shut out whoever asked for it.',
  'request.method_not_allowed': 'The path is known, but not with that method.',
  'request.too_large': 'A request is larger than allowed.',
  'request.rate_limited': 'Too many requests.',
  // policy
  'policy.lifetime_too_long': 'The lifetime asked for is over the policy’s maximum.',
  'policy.never_expiring': 'The policy does not allow tokens that never expire.',
  'policy.too_many_tokens': 'The user holds as many live tokens as the policy allows.',
  'policy.tokens_off': 'Tokens are switched off.',
  'policy.no_privilege': 'The user may not create or use tokens.',
  // process
  'config.invalid': 'A setting is unknown, malformed or names a missing file.',
  'embedded.failed': 'The embedded PostgreSQL could not be started.',
  internal: 'A defect in patgate.',
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof ERROR_CODES;

type Reference = typeof ERROR_REFERENCE;

type StatesOf<Code extends ErrorCode> = Reference[Code]['sqlStates'] extends readonly []
  ? string
  : Reference[Code]['sqlStates'][number];

/**
 * SQLSTATEs that the reference names for a code, and for each one where it may be one of several: no other can be sent
 * with it. Any, where it names none.
 */
export type SqlStateOf<Code extends ErrorCode> = (
  Code extends ErrorCode ? (state: StatesOf<Code>) => void : never
) extends (state: infer State extends string) => void
  ? State
  : never;

/** Codes that a client may be told of with that SQLSTATE. */
export type CodeWith<State extends string> = {
  [Code in ErrorCode]: State extends SqlStateOf<Code> ? Code : never;
}[ErrorCode];

/** What the peer of a PostgreSQL connection is told: the fields of an ErrorResponse. */
export interface ClientFault<State extends string = string> {
  readonly severity: 'FATAL' | 'ERROR';
  /** Five characters, from PostgreSQL's appendix A. */
  readonly sqlState: State;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/**
 * A failure with two audiences. `code`, `message` and `cause` are for logs and audit; `client` is all that the peer may
 * learn, and nothing of the former can be reached from it.
 */
class Failure extends Error {
  readonly code: ErrorCode;
  readonly client: ClientFault;

  constructor(code: ErrorCode, message: string, client: ClientFault, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'GatewayError';
    this.code = code;
    this.client = client;
  }
}

export type GatewayError = Failure;

/** Its type ties SQLSTATEs to codes: a class with a type parameter would narrow to `any` behind `instanceof`. */
interface GatewayErrorConstructor {
  /**
   * @param code stable code, one of ERROR_CODES
   * @param message for the operator; never holds a secret
   * @param client for the peer
   */
  new <Code extends ErrorCode>(
    code: Code,
    message: string,
    client: ClientFault<SqlStateOf<Code>>,
    options?: { cause?: unknown },
  ): GatewayError;
  readonly prototype: GatewayError;
}

export const GatewayError: GatewayErrorConstructor = Failure;

/** A FATAL fault, the only kind before a session runs. */
export function fatal<State extends string>(
  sqlState: State,
  message: string,
  extra?: { detail?: string; hint?: string },
): ClientFault<State> {
  return { severity: 'FATAL', sqlState, message, ...extra };
}

/** A request by HTTP, CLI, page or console that was understood and refused; each interface renders it in its own shape. */
export class RequestError extends Error {
  readonly code: ErrorCode;
  /** The field of the request that is to blame, by its name in the services; null when it is not one alone. */
  readonly field: string | null;

  /** @param message may be shown to the caller as it is */
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; field?: string } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'RequestError';
    this.code = code;
    this.field = options.field ?? null;
  }
}

/** The text of anything thrown, for a log line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
