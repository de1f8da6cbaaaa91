import type { Secret } from '../core/secret.ts';
import {
  CANCEL_REQUEST_CODE,
  FRONTEND,
  MAX_SASL_LENGTH,
  PROTOCOL_OPTION_PREFIX,
  SSL_REQUEST_CODE,
} from './constants.ts';
import { cString, frame, int32, NUL, untypedFrame } from './frame.ts';
import { clientMalformed } from './malformed.ts';
import { PacketCursor } from './packet-cursor.ts';
import type { StartupParameter } from './startup.ts';

/** A client's choice of SASL mechanism. */
export interface SaslInitialResponse {
  readonly mechanism: string;
  /** Null when the client sent none (length −1): it waits for an empty challenge. */
  readonly data: Buffer | null;
}

/**
 * Body of a PasswordMessage.
 * @returns the password's bytes, which may be no UTF-8
 * @throws GatewayError `wire.malformed` unless the body is one NUL-terminated string (src/backend/libpq/auth.c recv_password_packet)
 */
export function decodePassword(body: Buffer): Buffer {
  const cursor = new PacketCursor(body, clientMalformed);
  const password = cursor.cString('password packet');
  cursor.end('password packet');
  return password;
}

/**
 * Body of a SASLInitialResponse.
 * @throws GatewayError `wire.malformed`, also for a SCRAM message over 1,024 bytes; OAUTHBEARER carries a whole token and is
 *   bound by the message's length only
 */
export function decodeSaslInitial(body: Buffer): SaslInitialResponse {
  const cursor = new PacketCursor(body, clientMalformed);
  const mechanism = cursor.cString('SASLInitialResponse').toString('latin1');
  const length = cursor.int32('SASLInitialResponse');
  const data = length === -1 ? null : cursor.take(length, 'SASLInitialResponse');
  cursor.end('SASLInitialResponse');
  return { mechanism, data: data !== null && mechanism.startsWith('SCRAM-') ? withinSaslLimit(data) : data };
}

/** Body of a SASLResponse: all of it. @throws GatewayError `wire.malformed` when it is longer than a SASL message may be */
export function decodeSaslResponse(body: Buffer): Buffer {
  return withinSaslLimit(body);
}

/** A message to an engine, by the names of the chapter "Message Formats". */
export type FrontendMessage =
  | { readonly kind: 'cancelRequest'; readonly processId: number; readonly key: Uint8Array }
  | { readonly kind: 'password'; readonly password: Secret | Buffer }
  | { readonly kind: 'query'; readonly sql: string }
  | { readonly kind: 'saslInitialResponse'; readonly mechanism: string; readonly data: Uint8Array | null }
  | { readonly kind: 'saslResponse'; readonly data: Uint8Array }
  | { readonly kind: 'sslRequest' }
  | {
      readonly kind: 'startup';
      /** Minor version of protocol 3. */
      readonly minor: number;
      readonly user: string;
      readonly database: string;
      readonly parameters: readonly StartupParameter[];
    }
  | { readonly kind: 'terminate' };

/**
 * pg-protocol's serializer adds a client_encoding of its own to the start-up packet, takes values as strings only, and
 * knows 4-byte cancel keys only; so the few messages that a gateway sends are written here.
 * @returns the message as it goes over the wire
 * @throws TypeError for a string that holds a NUL
 */
export function encodeFrontend(message: FrontendMessage): Buffer {
  switch (message.kind) {
    case 'cancelRequest':
      return untypedFrame(int32(CANCEL_REQUEST_CODE), int32(message.processId), message.key);
    case 'password':
      return frame(FRONTEND.password, cString(passwordBytes(message.password)));
    case 'query':
      return frame(FRONTEND.query, cString(message.sql));
    case 'saslInitialResponse':
      return frame(FRONTEND.password, cString(message.mechanism), ...counted(message.data));
    case 'saslResponse':
      return frame(FRONTEND.password, message.data);
    case 'sslRequest':
      return untypedFrame(int32(SSL_REQUEST_CODE));
    case 'startup':
      return encodeStartup(message);
    case 'terminate':
      return frame(FRONTEND.terminate);
    default:
      return message satisfies never;
  }
}

function encodeStartup(message: FrontendMessage & { kind: 'startup' }): Buffer {
  const parameters = message.parameters.flatMap(({ name, value }) => {
    // Identity comes from the principal alone; an empty name would end the list early. Some engines take names in any case.
    const word = name.toLowerCase();
    if (word === '' || word === 'user' || word === 'database' || word.startsWith(PROTOCOL_OPTION_PREFIX)) {
      throw new TypeError(`start-up parameter ${JSON.stringify(name)} cannot be passed on`);
    }
    return [cString(name), cString(value)];
  });
  return untypedFrame(
    int32((3 << 16) | message.minor),
    cString('user'),
    cString(message.user),
    cString('database'),
    cString(message.database),
    ...parameters,
    NUL,
  );
}

function passwordBytes(password: Secret | Buffer): Buffer {
  return Buffer.isBuffer(password) ? password : Buffer.from(password.reveal(), 'utf8');
}

function counted(data: Uint8Array | null): readonly Uint8Array[] {
  return data === null ? [int32(-1)] : [int32(data.length), data];
}

function withinSaslLimit(data: Buffer): Buffer {
  if (data.length > MAX_SASL_LENGTH) {
    throw clientMalformed(`SASL message of ${data.length} bytes is longer than ${MAX_SASL_LENGTH}`);
  }
  return data;
}
