import { isUuid } from '../core/uuid.ts';
import type { Format } from '../wire/session-messages.ts';
import { SqlError } from './sql-error.ts';

/** Object ids and sizes: src/include/catalog/pg_type.dat */
export const TYPES = {
  bool: { oid: 16, size: 1 },
  int8: { oid: 20, size: 8 },
  int4: { oid: 23, size: 4 },
  text: { oid: 25, size: -1 },
  float8: { oid: 701, size: 8 },
  'text[]': { oid: 1009, size: -1 },
  timestamptz: { oid: 1184, size: 8 },
  uuid: { oid: 2950, size: 16 },
} as const satisfies Record<string, { readonly oid: number; readonly size: number }>;

export type TypeName = keyof typeof TYPES;

/** What a cell may hold: the value has to fit the column's type. */
export type Value = string | number | boolean | Date | readonly string[] | null;

export type Row = readonly Value[];

export interface Column {
  readonly name: string;
  readonly type: TypeName;
}

/** One cell as it goes over the wire; null is NULL. */
export function encodeValue(value: Value, type: TypeName, format: Format): Buffer | null {
  if (value === null) return null;
  return format === 0 ? Buffer.from(textOf(value), 'utf8') : binaryOf(value, type);
}

/** About how many characters a value has as text. */
export function lengthOf(value: Value): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || value instanceof Date) return LONGEST_OF_FIXED_SIZE;
  return value.reduce((sum, item) => sum + item.length, 0);
}

/** Of numbers, times, and NULL. */
const LONGEST_OF_FIXED_SIZE = 32;

/** As PostgreSQL's output functions write it. A NUL, which no text of PostgreSQL can hold, is replaced. */
export function textOf(value: Exclude<Value, null>): string {
  if (typeof value === 'string') return value.replaceAll('\0', '\uFFFD');
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (value instanceof Date) return timestampText(value);
  return typeof value === 'number' ? String(value) : arrayText(value);
}

/** ISO 8601 as PostgreSQL has it, in UTC. */
function timestampText(date: Date): string {
  const [day = '', time = ''] = date.toISOString().split(/[TZ]/);
  const shortest = time.replace(/\.0+$/, '').replace(/(\.\d*?)0+$/, '$1');
  return `${day} ${shortest}+00`;
}

function arrayText(items: readonly string[]): string {
  const quoted = items.map((item) => {
    const isPlain = /^[^\s{}",\\]+$/.test(item) && item.toLowerCase() !== 'null';
    return isPlain ? item : `"${item.replace(/["\\]/g, (character) => `\\${character}`)}"`;
  });
  return `{${quoted.join(',').replaceAll('\0', '\uFFFD')}}`;
}

/** As the send functions of src/backend/utils/adt. */
function binaryOf(value: Exclude<Value, null>, type: TypeName): Buffer {
  switch (type) {
    case 'text':
      return Buffer.from(textOf(value), 'utf8');
    case 'bool':
      return Buffer.of(value === true ? 1 : 0);
    case 'int4':
      return numeric(4, (bytes) => bytes.writeInt32BE(Number(value)));
    case 'int8':
      return numeric(8, (bytes) => bytes.writeBigInt64BE(BigInt(Number(value))));
    case 'float8':
      return numeric(8, (bytes) => bytes.writeDoubleBE(Number(value)));
    case 'timestamptz':
      return numeric(8, (bytes) => bytes.writeBigInt64BE(microsecondsOf(value as Date)));
    case 'uuid':
      return Buffer.from(String(value).replaceAll('-', ''), 'hex');
    case 'text[]':
      return arrayBinary(value as readonly string[]);
    default:
      return type satisfies never;
  }
}

const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);

function microsecondsOf(date: Date): bigint {
  return BigInt(date.getTime() - POSTGRES_EPOCH_MS) * 1000n;
}

/** src/backend/utils/adt/arrayfuncs.c, array_send: dimensions, flags, element type, then length and lower bound of each. */
function arrayBinary(items: readonly string[]): Buffer {
  const dimensions = items.length === 0 ? [] : [items.length, 1];
  const head = [dimensions.length / 2, 0, TYPES.text.oid, ...dimensions];
  const elements = items.flatMap((item) => {
    const bytes = Buffer.from(item.replaceAll('\0', '\uFFFD'), 'utf8');
    return [int32(bytes.length), bytes];
  });
  return Buffer.concat([...head.map(int32), ...elements]);
}

function numeric(length: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(length);
  write(bytes);
  return bytes;
}

function int32(value: number): Buffer {
  return numeric(4, (bytes) => bytes.writeInt32BE(value));
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Types whose binary form is the text itself: unknown, text, name, bpchar, varchar, json. */
const TEXT_OIDS: ReadonlySet<number> = new Set([0, 25, 19, 114, 705, 1042, 1043]);
const INTEGER_OIDS: Readonly<Record<number, number>> = { 20: 8, 21: 2, 23: 4 };

/**
 * A parameter's value, as text.
 * @param oid as Parse declared it; 0: not at all
 * @throws SqlError 22021, 22P03, 0A000
 */
export function decodeParameter(bytes: Buffer, oid: number, format: Format): string {
  if (format === 0 || TEXT_OIDS.has(oid)) return strictText(bytes);
  const width = INTEGER_OIDS[oid];
  if (width !== undefined) {
    if (bytes.length !== width) throw wrongBinary();
    return String(width === 8 ? bytes.readBigInt64BE() : bytes.readIntBE(0, width));
  }
  if (oid === TYPES.uuid.oid) return uuidText(bytes);
  throw new SqlError('0A000', `no binary parameter of type ${oid} is supported here: send it as text`);
}

function uuidText(bytes: Buffer): string {
  const text = bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  if (!isUuid(text)) throw wrongBinary();
  return text;
}

function strictText(bytes: Buffer): string {
  try {
    const text = strictUtf8.decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // Told below, as a NUL is.
  }
  throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8" in a parameter');
}

function wrongBinary(): SqlError {
  return new SqlError('22P03', 'incorrect binary data format in a parameter');
}
