import type { TypeName, Value } from '../types.ts';
import type { Words } from './words.ts';

/** What the console can work out by itself. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: Value; readonly type: TypeName }
  | { readonly kind: 'parameter'; readonly index: number }
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'cast'; readonly of: Expression; readonly to: TypeName };

/** One of the things that a SELECT selects. */
export type Item =
  /** `*`, `t.*` */
  | { readonly kind: 'star' }
  | {
      readonly kind: 'value';
      readonly name: string;
      /** Null: more than the console understands. */
      readonly expression: Expression | null;
    };

/** Functions that are written without parentheses. */
const BARE_FUNCTIONS = new Set([
  'current_catalog',
  'current_date',
  'current_role',
  'current_schema',
  'current_timestamp',
  'current_user',
  'localtimestamp',
  'session_user',
  'user',
]);

const CASTS: Readonly<Record<string, TypeName>> = {
  bool: 'bool',
  boolean: 'bool',
  int: 'int4',
  int2: 'int4',
  int4: 'int4',
  integer: 'int4',
  smallint: 'int4',
  bigint: 'int8',
  int8: 'int8',
  oid: 'int8',
  float8: 'float8',
  numeric: 'text',
  timestamptz: 'timestamptz',
  uuid: 'uuid',
};

/** How deep parentheses, calls and casts may be nested. */
const DEEPEST = 50;

/** Reads an expression; null, and the words left somewhere in it, when it is more than the console understands. */
export function readExpression(words: Words, depth = 0): Expression | null {
  if (depth > DEEPEST) return null;
  let expression = readPrimary(words, depth);
  for (let casts = 0; expression !== null && words.acceptSign('::'); casts++) {
    if (casts > DEEPEST) return null;
    expression = { kind: 'cast', of: expression, to: readType(words) };
  }
  return expression;
}

function readPrimary(words: Words, depth: number): Expression | null {
  const { next } = words;
  switch (next?.kind) {
    case 'string':
    case 'parameter': {
      const operand = words.operand();
      return operand.kind === 'text' ? { kind: 'literal', value: operand.text, type: 'text' } : operand;
    }
    case 'number':
      return literalNumber(words, '');
    case 'sign':
      if (words.acceptSign('-')) return literalNumber(words, '-');
      return readParenthesized(words, depth);
    case 'word':
    case 'quoted':
      return readNamed(words, depth);
    case undefined:
      return null;
    default:
      return next satisfies never;
  }
}

const LARGEST_INT4 = 2 ** 31 - 1;

function literalNumber(words: Words, sign: string): Expression | null {
  const text = words.number();
  if (text === null) return null;
  const value = Number(sign + text);
  if (!/^\d+$/.test(text)) return { kind: 'literal', value, type: 'float8' };
  if (!Number.isSafeInteger(value)) return { kind: 'literal', value: sign + text, type: 'text' };
  return { kind: 'literal', value, type: Math.abs(value) <= LARGEST_INT4 ? 'int4' : 'int8' };
}

function readParenthesized(words: Words, depth: number): Expression | null {
  if (!words.acceptSign('(')) return null;
  const inner = readExpression(words, depth + 1);
  return inner !== null && words.acceptSign(')') ? inner : null;
}

const CONSTANTS: Readonly<Record<string, Expression>> = {
  true: { kind: 'literal', value: true, type: 'bool' },
  false: { kind: 'literal', value: false, type: 'bool' },
  null: { kind: 'literal', value: null, type: 'text' },
};

function readNamed(words: Words, depth: number): Expression | null {
  const isWord = words.next?.kind === 'word';
  let name = words.name();
  if (isWord && Object.hasOwn(CONSTANTS, name)) return CONSTANTS[name] ?? null;
  if (isWord && name === 'cast') return readCast(words, depth);
  let isQualified = false;
  while (words.acceptSign('.')) {
    if (words.next?.kind !== 'word' && words.next?.kind !== 'quoted') return null;
    name = words.name();
    isQualified = true;
  }
  if (words.acceptSign('(')) return readCall(words, name, depth);
  if (isWord && !isQualified && BARE_FUNCTIONS.has(name)) return { kind: 'call', name, args: [] };
  return { kind: 'column', name };
}

function readCall(words: Words, name: string, depth: number): Expression | null {
  if (words.acceptSign(')')) return { kind: 'call', name, args: [] };
  if (name === 'count' && words.acceptSign('*'))
    return words.acceptSign(')') ? { kind: 'call', name, args: [] } : null;
  const args: Expression[] = [];
  do {
    const arg = readExpression(words, depth + 1);
    if (arg === null) return null;
    args.push(arg);
  } while (words.acceptSign(','));
  return words.acceptSign(')') ? { kind: 'call', name, args } : null;
}

function readCast(words: Words, depth: number): Expression | null {
  if (!words.acceptSign('(')) return null;
  const of = readExpression(words, depth + 1);
  if (of === null || !words.accept('as')) return null;
  const to = readType(words);
  return words.acceptSign(')') ? { kind: 'cast', of, to } : null;
}

/** What is no type of the console's becomes text. */
function readType(words: Words): TypeName {
  let name = words.name();
  while (words.acceptSign('.')) name = words.name();
  if (words.acceptSign('(')) {
    words.number();
    words.expectSign(')');
  }
  if (name === 'timestamp' && words.accept('with', 'time', 'zone')) return 'timestamptz';
  words.accept('varying');
  if (words.acceptSign('[')) {
    words.expectSign(']');
    return 'text[]';
  }
  return Object.hasOwn(CASTS, name) ? (CASTS[name] ?? 'text') : 'text';
}

/** The column name that PostgreSQL gives: src/backend/parser/parse_target.c, FigureColname. */
export function nameOf(expression: Expression | null): string {
  switch (expression?.kind) {
    case 'column':
    case 'call':
      return expression.name;
    case 'cast': {
      const inner = nameOf(expression.of);
      return inner === '?column?' ? expression.to.replace('[]', '') : inner;
    }
    default:
      return '?column?';
  }
}
