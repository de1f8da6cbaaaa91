import { fatal, GatewayError } from '../core/errors.ts';
import {
  CANCEL_REQUEST_CODE,
  GSSENC_REQUEST_CODE,
  MAX_CANCEL_KEY_LENGTH,
  MIN_CANCEL_KEY_LENGTH,
  NEWEST_MINOR,
  PROTOCOL_OPTION_PREFIX,
  SSL_REQUEST_CODE,
} from './constants.ts';
import { clientMalformed } from './malformed.ts';
import { PacketCursor } from './packet-cursor.ts';

/** What a client may send before its connection has a type byte in front of each message. */
export type FirstPacket =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gssenc' }
  | CancelRequest
  | StartupMessage
  | { readonly kind: 'unsupported'; readonly major: number; readonly minor: number };

/** Asks to cancel what another session runs; proved by that session's key. */
export interface CancelRequest {
  readonly kind: 'cancel';
  readonly processId: number;
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. */
  readonly key: Buffer;
}

/** A client's opening message of protocol 3.x. */
export interface StartupMessage {
  readonly kind: 'startup';
  /** As asked for; the minor version may be one that does not exist. */
  readonly protocol: { readonly major: 3; readonly minor: number };
  readonly user: string;
  /** Null when not named or empty. */
  readonly database: string | null;
  /** In the client's order, without user, database and protocol options. */
  readonly parameters: readonly StartupParameter[];
  /** Names of the protocol options (`_pq_.…`) that came along; we know none. */
  readonly protocolOptions: readonly string[];
}

export interface StartupParameter {
  readonly name: string;
  /** Exactly the client's bytes: asyncpg quotes `'utf-8'`, and the encoding may be anything. */
  readonly value: Buffer;
}

/**
 * Decodes a packet that came without a type byte.
 * @param packet what follows the length word
 * @throws GatewayError `wire.malformed`, or 28000 when no user is named
 */
export function decodeFirstPacket(packet: Buffer): FirstPacket {
  const cursor = new PacketCursor(packet, clientMalformed);
  const code = cursor.int32('start-up packet');
  if (code === SSL_REQUEST_CODE || code === GSSENC_REQUEST_CODE) {
    cursor.end('encryption request');
    return { kind: code === SSL_REQUEST_CODE ? 'ssl' : 'gssenc' };
  }
  if (code === CANCEL_REQUEST_CODE) return decodeCancelRequest(cursor);
  const [major, minor] = [code >>> 16, code & 0xffff];
  return major === 3 ? decodeStartup(minor, cursor) : { kind: 'unsupported', major, minor };
}

/** A client that speaks another protocol than 3.x. Text and SQLSTATE are PostgreSQL's, src/backend/tcop/backend_startup.c. */
export function unsupportedProtocol(major: number, minor: number): GatewayError {
  const text = `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${NEWEST_MINOR}`;
  return new GatewayError('wire.unsupported_protocol', text, fatal('0A000', text));
}

function decodeCancelRequest(cursor: PacketCursor): CancelRequest {
  const processId = cursor.int32('CancelRequest');
  const key = cursor.rest();
  if (key.length < MIN_CANCEL_KEY_LENGTH || key.length > MAX_CANCEL_KEY_LENGTH) {
    throw clientMalformed(`cancel key of ${key.length} bytes`);
  }
  return { kind: 'cancel', processId, key };
}

function decodeStartup(minor: number, cursor: PacketCursor): StartupMessage {
  let user = '';
  let database = '';
  const parameters: StartupParameter[] = [];
  const protocolOptions: string[] = [];
  for (;;) {
    const name = utf8(cursor.cString('start-up parameter name'), 'start-up parameter name');
    if (name === '') break;
    const value = cursor.cString(`value of a start-up parameter`);
    // A name given twice: the last one counts, as in PostgreSQL.
    if (name === 'user') user = utf8(value, 'user name');
    else if (name === 'database') database = utf8(value, 'database name');
    else if (name.startsWith(PROTOCOL_OPTION_PREFIX)) protocolOptions.push(name);
    else parameters.push({ name, value });
  }
  cursor.end('start-up packet');
  if (user === '') throw noUserName();
  return {
    kind: 'startup',
    protocol: { major: 3, minor },
    user,
    database: database === '' ? null : database,
    parameters,
    protocolOptions,
  };
}

function noUserName(): GatewayError {
  const text = 'no PostgreSQL user name specified in startup packet';
  return new GatewayError('wire.malformed', text, fatal('28000', text));
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Names decide who someone is: bytes that are no text must not become someone else's name by replacement characters. */
function utf8(bytes: Buffer, what: string): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    throw clientMalformed(`${what} is not valid UTF-8`, error);
  }
}
