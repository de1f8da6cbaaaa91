/** Highest minor version of protocol 3 that patgate speaks: 3.2, PostgreSQL 18, src/include/libpq/pqcomm.h PG_PROTOCOL_LATEST. */
export const NEWEST_MINOR = 2;

/** src/include/libpq/pqcomm.h: "request codes" that stand where a start-up packet has its protocol version. */
export const CANCEL_REQUEST_CODE = 80877102;
export const SSL_REQUEST_CODE = 80877103;
export const GSSENC_REQUEST_CODE = 80877104;

/** Smallest and largest length word of a start-up packet: pqcomm.h MAX_STARTUP_PACKET_LENGTH is 10000, without the word itself. */
export const MIN_STARTUP_LENGTH = 8;
export const MAX_STARTUP_LENGTH = 10_004;

/** Largest length word of a password message: src/include/libpq/auth.h PG_MAX_AUTH_TOKEN_LENGTH. */
export const MAX_PASSWORD_LENGTH = 65_535;

/** Largest SASL message from a client: src/backend/libpq/auth-sasl.c PG_MAX_SASL_MESSAGE_LENGTH. */
export const MAX_SASL_LENGTH = 1024;

/** Length of a cancel key in protocol 3.0, and the bounds of 3.2: chapter "Message Formats", BackendKeyData. */
export const CANCEL_KEY_LENGTH_3_0 = 4;
export const MIN_CANCEL_KEY_LENGTH = 4;
export const MAX_CANCEL_KEY_LENGTH = 256;

/** Start-up parameters of this prefix are protocol options, not settings: chapter "Message Formats", StartupMessage. */
export const PROTOCOL_OPTION_PREFIX = '_pq_.';

/** The ALPN protocol id of PostgreSQL: pqcomm.h PG_ALPN_PROTOCOL. */
export const ALPN_PROTOCOL = 'postgresql';

/** First byte of a message from the frontend: src/include/libpq/protocol.h PqMsg_*. */
export const FRONTEND = {
  bind: 0x42, // B
  close: 0x43, // C
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyFail: 0x66, // f
  describe: 0x44, // D
  execute: 0x45, // E
  flush: 0x48, // H
  functionCall: 0x46, // F
  parse: 0x50, // P
  password: 0x70, // p: PasswordMessage, SASLInitialResponse, SASLResponse
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
} as const;

/** First byte of a message from the backend: src/include/libpq/protocol.h PqMsg_*. */
export const BACKEND = {
  authentication: 0x52, // R
  backendKeyData: 0x4b, // K
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  emptyQueryResponse: 0x49, // I
  errorResponse: 0x45, // E
  negotiateProtocolVersion: 0x76, // v
  noData: 0x6e, // n
  noticeResponse: 0x4e, // N
  parameterDescription: 0x74, // t
  parameterStatus: 0x53, // S
  parseComplete: 0x31, // 1
  portalSuspended: 0x73, // s
  readyForQuery: 0x5a, // Z
  rowDescription: 0x54, // T
} as const;

/** What an `R` message asks for: src/include/libpq/protocol.h AUTH_REQ_*. */
export const AUTH = {
  ok: 0,
  kerberosV5: 2,
  cleartextPassword: 3,
  md5Password: 5,
  gss: 7,
  gssContinue: 8,
  sspi: 9,
  sasl: 10,
  saslContinue: 11,
  saslFinal: 12,
} as const;
