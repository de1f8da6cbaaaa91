import { AUTH, BACKEND, MAX_CANCEL_KEY_LENGTH, MIN_CANCEL_KEY_LENGTH } from './constants.ts';
import type { TransactionStatus } from './backend.ts';
import { engineMalformed } from './malformed.ts';
import type { Message } from './message-reader.ts';
import { PacketCursor } from './packet-cursor.ts';

/** What an engine may send between the start-up packet and its first ReadyForQuery. */
export type EngineMessage =
  | { readonly kind: 'authenticationOk' }
  | { readonly kind: 'authenticationCleartextPassword' }
  | { readonly kind: 'authenticationMD5Password'; readonly salt: Buffer }
  | { readonly kind: 'authenticationSASL'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'authenticationSASLContinue'; readonly data: Buffer }
  | { readonly kind: 'authenticationSASLFinal'; readonly data: Buffer }
  /** Kerberos, GSSAPI, SSPI or something newer: `request` is the number asked for. */
  | { readonly kind: 'authenticationOther'; readonly request: number }
  | { readonly kind: 'backendKeyData'; readonly processId: number; readonly key: Buffer }
  | { readonly kind: 'errorResponse'; readonly fields: ReportFields }
  | {
      readonly kind: 'negotiateProtocolVersion';
      readonly major: number;
      readonly minor: number;
      readonly unknownOptions: readonly string[];
    }
  | { readonly kind: 'noticeResponse'; readonly fields: ReportFields }
  | { readonly kind: 'parameterStatus'; readonly name: string; readonly value: string }
  | { readonly kind: 'readyForQuery'; readonly status: TransactionStatus };

/** Error and notice fields by their letter (`C` SQLSTATE, `M` message, …). */
export type ReportFields = ReadonlyMap<string, string>;

/**
 * Decodes a message of the engine's hand-shake.
 * @throws GatewayError `engine.protocol` for one that is malformed or has no place there
 */
export function decodeBackend(message: Message): EngineMessage {
  const cursor = new PacketCursor(message.body, engineMalformed);
  const decoded = decodeBody(message.type, cursor);
  cursor.end(decoded.kind);
  return decoded;
}

function decodeBody(type: number, cursor: PacketCursor): EngineMessage {
  switch (type) {
    case BACKEND.authentication:
      return decodeAuthentication(cursor);
    case BACKEND.backendKeyData:
      return decodeBackendKeyData(cursor);
    case BACKEND.errorResponse:
      return { kind: 'errorResponse', fields: decodeReport(cursor) };
    case BACKEND.negotiateProtocolVersion:
      return decodeNegotiateProtocolVersion(cursor);
    case BACKEND.noticeResponse:
      return { kind: 'noticeResponse', fields: decodeReport(cursor) };
    case BACKEND.parameterStatus: {
      const name = text(cursor.cString('ParameterStatus'));
      return { kind: 'parameterStatus', name, value: text(cursor.cString('ParameterStatus')) };
    }
    case BACKEND.readyForQuery:
      return { kind: 'readyForQuery', status: decodeStatus(cursor) };
    default:
      throw engineMalformed(`message type 0x${type.toString(16)} before the first ReadyForQuery`);
  }
}

function decodeAuthentication(cursor: PacketCursor): EngineMessage {
  const request = cursor.int32('Authentication');
  switch (request) {
    case AUTH.ok:
      return { kind: 'authenticationOk' };
    case AUTH.cleartextPassword:
      return { kind: 'authenticationCleartextPassword' };
    case AUTH.md5Password:
      return { kind: 'authenticationMD5Password', salt: cursor.take(4, 'AuthenticationMD5Password') };
    case AUTH.sasl:
      return { kind: 'authenticationSASL', mechanisms: decodeList(cursor, 'AuthenticationSASL') };
    case AUTH.saslContinue:
      return { kind: 'authenticationSASLContinue', data: cursor.rest() };
    case AUTH.saslFinal:
      return { kind: 'authenticationSASLFinal', data: cursor.rest() };
    default:
      cursor.rest();
      return { kind: 'authenticationOther', request };
  }
}

function decodeBackendKeyData(cursor: PacketCursor): EngineMessage {
  const processId = cursor.int32('BackendKeyData');
  const key = cursor.rest();
  if (key.length < MIN_CANCEL_KEY_LENGTH || key.length > MAX_CANCEL_KEY_LENGTH) {
    throw engineMalformed(`BackendKeyData with a key of ${key.length} bytes`);
  }
  return { kind: 'backendKeyData', processId, key };
}

function decodeNegotiateProtocolVersion(cursor: PacketCursor): EngineMessage {
  const version = cursor.int32('NegotiateProtocolVersion');
  const count = cursor.int32('NegotiateProtocolVersion');
  // Each name takes at least its NUL: a count that cannot be true must not drive the loop.
  if (count < 0 || count > cursor.remaining) {
    throw engineMalformed(`NegotiateProtocolVersion with ${count} options`);
  }
  const unknownOptions = Array.from({ length: count }, () =>
    text(cursor.cString('NegotiateProtocolVersion')),
  );
  return { kind: 'negotiateProtocolVersion', major: version >>> 16, minor: version & 0xffff, unknownOptions };
}

function decodeReport(cursor: PacketCursor): ReportFields {
  const fields = new Map<string, string>();
  for (;;) {
    const code = cursor.byte('error or notice');
    if (code === 0) return fields;
    fields.set(String.fromCharCode(code), text(cursor.cString('error or notice')));
  }
}

function decodeStatus(cursor: PacketCursor): TransactionStatus {
  const status = String.fromCharCode(cursor.byte('ReadyForQuery'));
  if (status === 'I' || status === 'T' || status === 'E') return status;
  throw engineMalformed(`ReadyForQuery with status ${JSON.stringify(status)}`);
}

/** Strings up to an empty one. */
function decodeList(cursor: PacketCursor, what: string): string[] {
  const items: string[] = [];
  for (;;) {
    const item = text(cursor.cString(what));
    if (item === '') return items;
    items.push(item);
  }
}

/** For reading only: what goes on to the client is always the engine's own bytes. */
function text(bytes: Buffer): string {
  return bytes.toString('utf8');
}
