import type { ClientFault } from '../core/errors.ts';
import { AUTH, BACKEND } from './constants.ts';
import { cString, frame, int32, NUL } from './frame.ts';

/** Where the session stands in its transaction: idle, in one, in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

/** What a NoticeResponse says; never ends anything. */
export interface Notice {
  readonly severity: 'NOTICE' | 'WARNING' | 'INFO' | 'LOG' | 'DEBUG';
  readonly sqlState: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** What the gateway itself says to a client, by the names of the chapter "Message Formats". */
export type BackendMessage =
  | { readonly kind: 'authenticationOk' }
  | { readonly kind: 'authenticationCleartextPassword' }
  | { readonly kind: 'authenticationSASL'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'authenticationSASLContinue'; readonly data: Uint8Array }
  | { readonly kind: 'authenticationSASLFinal'; readonly data: Uint8Array }
  | { readonly kind: 'backendKeyData'; readonly processId: number; readonly key: Uint8Array }
  | { readonly kind: 'errorResponse'; readonly fault: ClientFault }
  | {
      readonly kind: 'negotiateProtocolVersion';
      /** The newest minor version of protocol 3 that we speak, or the client's if that is older. */
      readonly minor: number;
      readonly unknownOptions: readonly string[];
    }
  | { readonly kind: 'noticeResponse'; readonly notice: Notice }
  | { readonly kind: 'parameterStatus'; readonly name: string; readonly value: string }
  | { readonly kind: 'readyForQuery'; readonly status: TransactionStatus };

/** @returns the message as it goes over the wire */
export function encodeBackend(message: BackendMessage): Buffer {
  switch (message.kind) {
    case 'authenticationOk':
      return authentication(AUTH.ok);
    case 'authenticationCleartextPassword':
      return authentication(AUTH.cleartextPassword);
    case 'authenticationSASL':
      return authentication(AUTH.sasl, ...message.mechanisms.map(cString), NUL);
    case 'authenticationSASLContinue':
      return authentication(AUTH.saslContinue, message.data);
    case 'authenticationSASLFinal':
      return authentication(AUTH.saslFinal, message.data);
    case 'backendKeyData':
      return frame(BACKEND.backendKeyData, int32(message.processId), message.key);
    case 'errorResponse':
      return frame(BACKEND.errorResponse, ...reportFields(message.fault));
    case 'negotiateProtocolVersion':
      return negotiateProtocolVersion(message.minor, message.unknownOptions);
    case 'noticeResponse':
      return frame(BACKEND.noticeResponse, ...reportFields(message.notice));
    case 'parameterStatus':
      return frame(BACKEND.parameterStatus, cString(message.name), cString(message.value));
    case 'readyForQuery':
      return frame(BACKEND.readyForQuery, Buffer.from(message.status, 'latin1'));
    default:
      return message satisfies never;
  }
}

/** An ErrorResponse as protocol 2 had it: `E`, text, NUL, no length. src/backend/utils/error/elog.c, "old style". */
export function encodeErrorVersion2(fault: ClientFault): Buffer {
  return Buffer.concat([
    Buffer.of(BACKEND.errorResponse),
    reportText(`${fault.severity}:  ${fault.message}\n`, MAX_MESSAGE_BYTES),
  ]);
}

/** libpq takes an ErrorResponse of more than 30,000 bytes before login for garbage: fe-connect.c MAX_ERRLEN. */
const MAX_MESSAGE_BYTES = 12_000;
const MAX_EXTRA_BYTES = 8_000;

function authentication(request: number, ...body: readonly Uint8Array[]): Buffer {
  return frame(BACKEND.authentication, int32(request), ...body);
}

function negotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  return frame(
    BACKEND.negotiateProtocolVersion,
    int32((3 << 16) | minor),
    int32(unknownOptions.length),
    ...unknownOptions.map(cString),
  );
}

/** Fields by the chapter "Error and Notice Message Fields": S may be translated, V never is; we translate neither. */
function reportFields(report: ClientFault | Notice): Buffer[] {
  const field = (code: string, text: string, limit: number): Buffer[] => [
    Buffer.from(code, 'latin1'),
    reportText(text, limit),
  ];
  const optional = (code: string, text: string | undefined): Buffer[] =>
    text === undefined ? [] : field(code, text, MAX_EXTRA_BYTES);
  return [
    ...field('S', report.severity, MAX_EXTRA_BYTES),
    ...field('V', report.severity, MAX_EXTRA_BYTES),
    ...field('C', report.sqlState, MAX_EXTRA_BYTES),
    ...field('M', report.message, MAX_MESSAGE_BYTES),
    ...optional('D', report.detail),
    ...optional('H', report.hint),
    NUL,
  ];
}

/** Texts can quote what a client sent: cut them at a limit, on a character's border, and let no NUL through. */
function reportText(text: string, limit: number): Buffer {
  const bytes = Buffer.from(text.replaceAll('\0', '\uFFFD'), 'utf8');
  let end = Math.min(bytes.length, limit);
  while (end < bytes.length && end > 0 && (bytes.readUInt8(end) & 0xc0) === 0x80) end -= 1;
  return cString(bytes.subarray(0, end));
}
