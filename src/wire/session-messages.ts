import { FRONTEND } from './constants.ts';
import { clientMalformed } from './malformed.ts';
import type { Message } from './message-reader.ts';
import { PacketCursor } from './packet-cursor.ts';

/** Text or binary: the protocol's format codes 0 and 1. */
export type Format = 0 | 1;

/** What a client may send once it is logged in, by the names of the chapter "Message Formats". */
export type SessionMessage =
  | {
      readonly kind: 'bind';
      readonly portal: string;
      readonly statement: string;
      /** One for each value, one for all, or none: text. Any number: the one who binds says which are known. */
      readonly parameterFormats: readonly number[];
      readonly values: readonly (Buffer | null)[];
      readonly resultFormats: readonly number[];
    }
  | { readonly kind: 'close' | 'describe'; readonly of: 'statement' | 'portal'; readonly name: string }
  /** CopyData, CopyDone, CopyFail: left over from a COPY that was refused. */
  | { readonly kind: 'copy' }
  /** `maxRows` 0: all. */
  | { readonly kind: 'execute'; readonly portal: string; readonly maxRows: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'functionCall' }
  | {
      readonly kind: 'parse';
      readonly name: string;
      readonly sql: string;
      /** Object ids of types; 0: to be found out. */
      readonly parameterTypes: readonly number[];
    }
  | { readonly kind: 'query'; readonly sql: string }
  | { readonly kind: 'sync' }
  | { readonly kind: 'terminate' };

/**
 * Decodes a message of a session.
 * @throws GatewayError `wire.malformed` (08P01) for one that is malformed, or of no type that a client may send there
 */
export function decodeSessionMessage({ type, body }: Message): SessionMessage {
  const cursor = new PacketCursor(body, clientMalformed);
  const decoded = decodeBody(type, cursor);
  cursor.end(decoded.kind);
  return decoded;
}

function decodeBody(type: number, cursor: PacketCursor): SessionMessage {
  switch (type) {
    case FRONTEND.bind:
      return decodeBind(cursor);
    case FRONTEND.close:
      return { kind: 'close', ...decodeTarget(cursor, 'Close') };
    case FRONTEND.describe:
      return { kind: 'describe', ...decodeTarget(cursor, 'Describe') };
    case FRONTEND.copyData:
    case FRONTEND.copyDone:
    case FRONTEND.copyFail:
      cursor.rest();
      return { kind: 'copy' };
    case FRONTEND.execute:
      return { kind: 'execute', portal: text(cursor, 'Execute'), maxRows: cursor.int32('Execute') };
    case FRONTEND.flush:
      return { kind: 'flush' };
    case FRONTEND.functionCall:
      cursor.rest();
      return { kind: 'functionCall' };
    case FRONTEND.parse:
      return decodeParse(cursor);
    case FRONTEND.query:
      return { kind: 'query', sql: text(cursor, 'Query') };
    case FRONTEND.sync:
      return { kind: 'sync' };
    case FRONTEND.terminate:
      return { kind: 'terminate' };
    default:
      throw clientMalformed(`invalid frontend message type ${type}`);
  }
}

function decodeBind(cursor: PacketCursor): SessionMessage {
  return {
    kind: 'bind',
    portal: text(cursor, 'Bind'),
    statement: text(cursor, 'Bind'),
    parameterFormats: listOf(cursor, 2, () => cursor.int16('Bind')),
    values: listOf(cursor, 4, () => {
      const length = cursor.int32('Bind');
      return length === -1 ? null : cursor.take(length, 'Bind');
    }),
    resultFormats: listOf(cursor, 2, () => cursor.int16('Bind')),
  };
}

function decodeParse(cursor: PacketCursor): SessionMessage {
  return {
    kind: 'parse',
    name: text(cursor, 'Parse'),
    sql: text(cursor, 'Parse'),
    parameterTypes: listOf(cursor, 4, () => cursor.int32('Parse') >>> 0),
  };
}

function decodeTarget(
  cursor: PacketCursor,
  what: string,
): { readonly of: 'statement' | 'portal'; readonly name: string } {
  const kind = String.fromCharCode(cursor.byte(what));
  if (kind !== 'S' && kind !== 'P') throw clientMalformed(`${what} of neither a statement nor a portal`);
  return { of: kind === 'S' ? 'statement' : 'portal', name: text(cursor, what) };
}

/** A counted list. The count is unsigned, and can not be more than what is left could hold. */
function listOf<T>(cursor: PacketCursor, smallest: number, item: () => T): T[] {
  const count = cursor.int16('list') & 0xffff;
  if (count * smallest > cursor.remaining) throw clientMalformed(`a list of ${count} is cut short`);
  return Array.from({ length: count }, item);
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The connection's encoding is UTF-8, always. */
function text(cursor: PacketCursor, what: string): string {
  const bytes = cursor.cString(what);
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    throw clientMalformed(`${what} holds text that is not UTF-8`, error);
  }
}
