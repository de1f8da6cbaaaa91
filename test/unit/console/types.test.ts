import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  decodeParameter,
  encodeValue,
  TYPES,
  type TypeName,
  type Value,
} from '../../../src/console/types.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createDatabase('types');
  client = new pg.Client(database.url);
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const UUID = '9b216abb-a5c4-4d79-bb87-0953e344f1f6';

const VALUES: readonly (readonly [TypeName, Value])[] = [
  ['text', ''],
  ['text', 'größer als 😀'],
  ['bool', true],
  ['bool', false],
  ['int4', -1],
  ['int4', 2 ** 31 - 1],
  ['int8', Number.MAX_SAFE_INTEGER],
  ['int8', -5_000_000_000],
  ['float8', 0.1],
  ['float8', -1.5e300],
  ['uuid', UUID],
  ['timestamptz', new Date('2026-11-25T19:16:16.120Z')],
  ['timestamptz', new Date('1999-12-31T23:59:59.999Z')],
  ['timestamptz', new Date('2026-01-01T00:00:00.000Z')],
  ['timestamptz', new Date('2026-01-01T00:00:10.001Z')],
  ['text[]', []],
  ['text[]', ['a', 'b c']],
  ['text[]', ['', 'NULL', 'a"b', 'c\\d', '{e}', 'f,g', ' h', 'é']],
];

const SEND: Readonly<Record<TypeName, string>> = {
  bool: 'boolsend',
  int4: 'int4send',
  int8: 'int8send',
  float8: 'float8send',
  text: 'textsend',
  'text[]': 'array_send',
  timestamptz: 'timestamptz_send',
  uuid: 'uuid_send',
};

/** As PostgreSQL itself sends it, in hexadecimal: in text and in binary. */
async function sentByPostgres(value: Value, type: TypeName): Promise<readonly [string, string]> {
  const { rows } = await client.query<{ text: string; binary: string }>({
    text: `SELECT $1::${type} AS text, encode(${SEND[type]}($1::${type}), 'hex') AS binary`,
    values: [value instanceof Date ? value.toISOString() : value],
    types: { getTypeParser: () => (sent: string) => sent },
  } as pg.QueryConfig);
  const { text = '', binary = '' } = rows[0] ?? {};
  return [Buffer.from(text).toString('hex'), binary];
}

describe('values are sent as by PostgreSQL', () => {
  test.each(VALUES)('%s %j', async (type, value) => {
    await client.query("SET timezone = 'UTC'; SET extra_float_digits = 1");
    const sent = ([0, 1] as const).map((format) => encodeValue(value, type, format)?.toString('hex'));
    expect(sent).toEqual(await sentByPostgres(value, type));
  });

  test('NULL is no value, and a NUL in a text is replaced', () => {
    expect(encodeValue(null, 'text', 1)).toBeNull();
    expect(encodeValue('a\0b', 'text', 0)?.toString()).toBe('a\uFFFDb');
  });

  test('types have the object ids and sizes of PostgreSQL', async () => {
    const { rows } = await client.query<{ oid: number; typlen: number }>(
      'SELECT t::regtype::oid AS oid, typlen FROM unnest($1::text[]) WITH ORDINALITY AS x (t, n) JOIN pg_type ON oid = t::regtype ORDER BY n',
      [Object.keys(TYPES)],
    );
    expect(rows.map(({ oid, typlen }) => ({ oid, size: typlen }))).toEqual(Object.values(TYPES));
  });
});

describe('parameters', () => {
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');

  test.each([
    [0, 0, Buffer.from('é'), 'é'],
    [0, 1, Buffer.from('é'), 'é'],
    [1043, 1, Buffer.from('x'), 'x'],
    [23, 1, hex('fffffffe'), '-2'],
    [21, 1, hex('0102'), '258'],
    [20, 1, hex('7fffffffffffffff'), '9223372036854775807'],
    [2950, 1, hex(UUID.replaceAll('-', '')), UUID],
    [1184, 0, Buffer.from('2026-01-01'), '2026-01-01'],
  ] as const)('of type %i in format %i', (oid, format, bytes, expected) => {
    expect(decodeParameter(bytes, oid, format)).toBe(expected);
  });

  test.each([
    [0, 0, hex('ff'), '22021'],
    [0, 0, hex('00'), '22021'],
    [23, 1, hex('00'), '22P03'],
    [2950, 1, hex('00'), '22P03'],
    [1184, 1, hex('0000000000000000'), '0A000'],
  ] as const)('of type %i in format %i that are none', (oid, format, bytes, sqlState) => {
    expect(() => decodeParameter(bytes, oid, format)).toThrow(expect.objectContaining({ sqlState }) as Error);
  });
});
