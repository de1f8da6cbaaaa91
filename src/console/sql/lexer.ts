import { SqlError } from '../sql-error.ts';
import { readEscapes } from './escapes.ts';

/** A piece of SQL. `at` and `end` are where it stands in the text. */
export type Token = { readonly at: number; readonly end: number } & (
  | {
      /** A word in lower case, or what stood in double quotes as it is. */
      readonly kind: 'word' | 'quoted';
      readonly text: string;
    }
  /** What stood in single quotes or between dollar quotes. */
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  /** `$1` is 1. */
  | { readonly kind: 'parameter'; readonly index: number }
  /** Punctuation or an operator. */
  | { readonly kind: 'sign'; readonly text: string }
);

/** A token, or where something ends that is none. */
type Scanned = Token | number;

const SPACE = /[ \t\n\r\f\v]+|--[^\n\r]*/y;
const COMMENT_EDGE = /\/\*|\*\//g;
/** src/backend/parser/scan.l: letters are also all characters beyond ASCII. */
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const PARAMETER = /\$(\d+)/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const SIGN = /::|:=|[()[\],;:.]|(?:(?!--|\/\*)[+\-*/<>=~!@#%^&|`?])+/y;
const QUOTED = /"([^"]*(?:""[^"]*)*)"/y;
const STRING = /'([^']*(?:''[^']*)*)'/y;
const ESCAPE_STRING = /[eE]'([^'\\]*(?:(?:''|\\[\s\S])[^'\\]*)*)'/y;

/** Parameters have a 16-bit number. */
const MOST_PARAMETERS = 65_535;

/**
 * Cuts SQL into tokens as PostgreSQL does with standard_conforming_strings on.
 * @throws SqlError 42601
 */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < sql.length;) {
    const scanned = scan(sql, at);
    if (typeof scanned === 'number') at = scanned;
    else {
      tokens.push(scanned);
      at = scanned.end;
    }
  }
  return tokens;
}

function scan(sql: string, at: number): Scanned {
  const space = match(SPACE, sql, at);
  if (space !== null) return at + space[0].length;
  if (sql.startsWith('/*', at)) return endOfComment(sql, at);
  return quoted(sql, at) ?? plain(sql, at);
}

function quoted(sql: string, at: number): Scanned | null {
  const first = sql.charAt(at);
  if (first === '"') return quotedIdentifier(sql, at);
  if (first === "'") return stringOf(sql, at, match(STRING, sql, at), (body) => body.replaceAll("''", "'"));
  if ((first === 'e' || first === 'E') && sql.charAt(at + 1) === "'")
    return stringOf(sql, at, match(ESCAPE_STRING, sql, at), readEscapes);
  return first === '$' ? dollarQuoted(sql, at) : null;
}

function plain(sql: string, at: number): Scanned {
  const word = match(WORD, sql, at);
  if (word !== null) {
    // ASCII only: what else has a case depends on the locale.
    const text = word[0].replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    return { kind: 'word', text, at, end: at + word[0].length };
  }
  const number = match(NUMBER, sql, at);
  if (number !== null) return { kind: 'number', text: number[0], at, end: at + number[0].length };
  const parameter = match(PARAMETER, sql, at);
  if (parameter !== null) return parameterToken(parameter, at);
  const sign = match(SIGN, sql, at);
  if (sign !== null) return { kind: 'sign', text: sign[0], at, end: at + sign[0].length };
  throw syntaxErrorNear(sql.charAt(at));
}

function parameterToken(found: RegExpExecArray, at: number): Scanned {
  const index = Number(found[1]);
  if (index < 1 || index > MOST_PARAMETERS) throw new SqlError('42P02', `there is no parameter ${found[0]}`);
  return { kind: 'parameter', index, at, end: at + found[0].length };
}

function quotedIdentifier(sql: string, at: number): Scanned {
  const found = match(QUOTED, sql, at);
  if (found === null) throw new SqlError('42601', 'unterminated quoted identifier');
  const text = (found[1] ?? '').replaceAll('""', '"');
  if (text === '') throw new SqlError('42601', 'zero-length delimited identifier');
  return { kind: 'quoted', text, at, end: at + found[0].length };
}

function stringOf(
  sql: string,
  at: number,
  found: RegExpExecArray | null,
  read: (body: string) => string,
): Scanned {
  if (found === null) throw new SqlError('42601', 'unterminated quoted string');
  return { kind: 'string', text: read(found[1] ?? ''), at, end: at + found[0].length };
}

/** `$$…$$`, `$tag$…$tag$`; null for what is a parameter. */
function dollarQuoted(sql: string, at: number): Scanned | null {
  const open = match(DOLLAR_QUOTE, sql, at)?.[0];
  if (open === undefined) return null;
  const close = sql.indexOf(open, at + open.length);
  if (close < 0) throw new SqlError('42601', 'unterminated dollar-quoted string');
  return { kind: 'string', text: sql.slice(at + open.length, close), at, end: close + open.length };
}

/** Comments nest. */
function endOfComment(sql: string, at: number): number {
  let depth = 0;
  COMMENT_EDGE.lastIndex = at;
  for (let edge = COMMENT_EDGE.exec(sql); edge !== null; edge = COMMENT_EDGE.exec(sql)) {
    depth += edge[0] === '/*' ? 1 : -1;
    if (depth === 0) return COMMENT_EDGE.lastIndex;
  }
  throw new SqlError('42601', 'unterminated /* comment');
}

function match(pattern: RegExp, sql: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(sql);
}

const LONGEST_QUOTE = 64;

/** PostgreSQL's own words. @param text where the parser got lost; null: at the end */
export function syntaxErrorNear(text: string | null): SqlError {
  if (text === null) return new SqlError('42601', 'syntax error at end of input');
  const shown = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
  return new SqlError('42601', `syntax error at or near "${shown}"`);
}
