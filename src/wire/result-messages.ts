import { BACKEND } from './constants.ts';
import { cString, frame, int16, int32 } from './frame.ts';
import type { Format } from './session-messages.ts';

/** One column of a RowDescription. */
export interface Field {
  readonly name: string;
  /** Object id of its type. */
  readonly type: number;
  /** Bytes, or −1 where they vary. */
  readonly size: number;
  readonly format: Format;
}

/** What the gateway says where it answers queries itself, by the names of the chapter "Message Formats". */
export type ResultMessage =
  | {
      readonly kind:
        | 'bindComplete'
        | 'closeComplete'
        | 'emptyQueryResponse'
        | 'noData'
        | 'parseComplete'
        | 'portalSuspended';
    }
  | { readonly kind: 'commandComplete'; readonly tag: string }
  | { readonly kind: 'dataRow'; readonly values: readonly (Buffer | null)[] }
  | { readonly kind: 'parameterDescription'; readonly types: readonly number[] }
  | { readonly kind: 'rowDescription'; readonly fields: readonly Field[] };

/** @returns the message as it goes over the wire */
export function encodeResult(message: ResultMessage): Buffer {
  switch (message.kind) {
    case 'bindComplete':
    case 'closeComplete':
    case 'emptyQueryResponse':
    case 'noData':
    case 'parseComplete':
    case 'portalSuspended':
      return frame(BACKEND[message.kind]);
    case 'commandComplete':
      return frame(BACKEND.commandComplete, cString(message.tag));
    case 'dataRow':
      return frame(BACKEND.dataRow, int16(message.values.length), ...message.values.flatMap(counted));
    case 'parameterDescription':
      return frame(BACKEND.parameterDescription, int16(message.types.length), ...message.types.map(oid));
    case 'rowDescription':
      return frame(BACKEND.rowDescription, int16(message.fields.length), ...message.fields.flatMap(describe));
    default:
      return message satisfies never;
  }
}

function counted(value: Buffer | null): Buffer[] {
  return value === null ? [int32(-1)] : [int32(value.length), value];
}

/** Of no table: 0, and without a type modifier: −1. */
function describe({ name, type, size, format }: Field): Buffer[] {
  return [cString(name), int32(0), int16(0), oid(type), int16(size), int32(-1), int16(format)];
}

function oid(type: number): Buffer {
  return int32(type | 0);
}
