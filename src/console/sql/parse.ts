import { SqlError, unsupported } from '../sql-error.ts';
import { tokenize, type Token } from './lexer.ts';
import { parseSelect, parseWith } from './parse-select.ts';
import { parseReset, parseSet, parseShow } from './parse-settings.ts';
import { parseCreate, parseExplain, parseKill, parseRevoke, parseRotate } from './parse-tokens.ts';
import type { Parsed, Statement } from './statement.ts';
import { Words } from './words.ts';

/** Reading must not keep the process from its other sessions. Catalogue queries of tools have some thousand characters. */
const LONGEST_TEXT = 32_768;

/**
 * All statements of a text, in order; those that are empty are left out.
 * @throws SqlError 42601, 0A000, 54000: then none of them is to run, as with PostgreSQL
 */
export function parseScript(sql: string): readonly Parsed[] {
  if (sql.length > LONGEST_TEXT)
    throw new SqlError(
      '54000',
      `the text is longer than the ${LONGEST_TEXT} characters that the SQL console takes`,
    );
  return split(tokenize(sql)).map((tokens) => parseOne(new Words(sql, tokens)));
}

/** The one statement of a Parse message. @throws SqlError 42601, 0A000 */
export function parseSingle(sql: string): Parsed {
  const statements = parseScript(sql);
  if (statements.length > 1)
    throw new SqlError('42601', 'cannot insert multiple commands into a prepared statement');
  return statements[0] ?? { statement: { kind: 'empty' }, parameters: 0 };
}

function split(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'sign' && token.text === ';') statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((statement) => statement.length > 0);
}

function parseOne(words: Words): Parsed {
  const { parameters } = words;
  const statement = parseStatement(words);
  words.end();
  return { statement, parameters };
}

const PARSERS: Readonly<Record<string, (words: Words) => Statement>> = {
  show: parseShow,
  create: parseCreate,
  revoke: parseRevoke,
  rotate: parseRotate,
  kill: parseKill,
  explain: parseExplain,
  set: parseSet,
  reset: parseReset,
  begin: (words) => parseTransaction(words, 'begin', 'BEGIN'),
  start: parseStart,
  commit: (words) => parseTransaction(words, 'commit', 'COMMIT'),
  end: (words) => parseTransaction(words, 'commit', 'COMMIT'),
  rollback: parseRollback,
  abort: (words) => parseTransaction(words, 'rollback', 'ROLLBACK'),
  savepoint: (words) => ({ kind: 'savepoint', name: words.name() }),
  release: parseRelease,
  discard: parseDiscard,
  deallocate: parseDeallocate,
  unlisten: (words) => ignore(words, 'UNLISTEN'),
  close: parseClose,
  select: parseSelect,
  with: parseWith,
};

/** What is SQL, though not the console's; anything else is no statement. */
const OTHER_STATEMENTS = new Set(
  (
    'alter analyze call checkpoint cluster comment copy declare delete do drop execute fetch grant import insert listen load ' +
    'lock merge move notify prepare reassign refresh reindex security table truncate update vacuum values'
  ).split(' '),
);

function parseStatement(words: Words): Statement {
  const { next } = words;
  if (next?.kind !== 'word') throw words.lost();
  const parser = Object.hasOwn(PARSERS, next.text) ? PARSERS[next.text] : undefined;
  if (parser === undefined) {
    if (OTHER_STATEMENTS.has(next.text)) throw unsupported(next.text.toUpperCase());
    throw words.lost();
  }
  words.accept(next.text);
  return parser(words);
}

function parseStart(words: Words): Statement {
  words.expect('transaction');
  words.rest();
  return { kind: 'begin', tag: 'START TRANSACTION' };
}

/** Isolation levels and the like mean nothing here. */
function parseTransaction(words: Words, kind: 'begin' | 'commit' | 'rollback', tag: string): Statement {
  if (words.accept('prepared')) throw unsupported('two-phase commit');
  words.acceptOne('work', 'transaction');
  if (kind === 'begin') words.rest();
  else if (words.accept('and')) {
    words.accept('no');
    words.expect('chain');
  }
  return { kind, tag };
}

function parseRollback(words: Words): Statement {
  if (words.accept('to') || words.accept('work', 'to') || words.accept('transaction', 'to')) {
    words.accept('savepoint');
    return { kind: 'rollbackTo', name: words.name() };
  }
  return parseTransaction(words, 'rollback', 'ROLLBACK');
}

function parseRelease(words: Words): Statement {
  words.accept('savepoint');
  return { kind: 'release', name: words.name() };
}

function parseDiscard(words: Words): Statement {
  const what = words.acceptOne('all', 'plans', 'sequences', 'temp', 'temporary');
  if (what === null) throw words.lost();
  return {
    kind: 'discard',
    isAll: what === 'all',
    tag: `DISCARD ${what.replace('orary', '').toUpperCase()}`,
  };
}

function parseDeallocate(words: Words): Statement {
  words.accept('prepare');
  return { kind: 'deallocate', name: words.accept('all') ? null : words.name() };
}

function parseClose(words: Words): Statement {
  if (words.accept('all')) return { kind: 'nothing', tag: 'CLOSE CURSOR ALL' };
  throw unsupported('cursors');
}

function ignore(words: Words, tag: string): Statement {
  words.rest();
  return { kind: 'nothing', tag };
}
