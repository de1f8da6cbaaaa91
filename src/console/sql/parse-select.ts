import { SqlError, unsupported } from '../sql-error.ts';
import { nameOf, readExpression, type Expression, type Item } from './expression.ts';
import type { Token } from './lexer.ts';
import type { CatalogSource, Statement } from './statement.ts';
import { Words } from './words.ts';

/**
 * The rest of a SELECT. Only its shape is looked at: which columns it has, and whether it is about the catalogue, which is
 * all but empty here.
 * @throws SqlError 42601, 42P01, 0A000
 */
export function parseSelect(words: Words): Statement {
  const tokens = words.rest();
  return readSelect(tokens, tokens);
}

/** The rest of a WITH that ends in a SELECT. @throws as `parseSelect` */
export function parseWith(words: Words): Statement {
  const tokens = words.rest();
  const select = topLevel(tokens, (token) => isWord(token, 'select'));
  if (select < 0) throw unsupported('WITH of anything but a SELECT');
  return readSelect(tokens, tokens.slice(select + 1));
}

/** @param all with the common table expressions in front */
function readSelect(all: readonly Token[], tokens: readonly Token[]): Statement {
  const from = topLevel(tokens, (token, at) => isWord(token, 'from') && !isWord(tokens[at - 1], 'distinct'));
  const head = from < 0 ? tokens : tokens.slice(0, from);
  const items = readItems(head);
  if (from >= 0) return { kind: 'select', items, source: readSource(all, tokens.slice(from)) };
  demandKnown(items);
  return { kind: 'select', items, source: null };
}

/** Where a token stands outside of parentheses; −1: nowhere. */
function topLevel(tokens: readonly Token[], wanted: (token: Token, at: number) => boolean): number {
  let depth = 0;
  return tokens.findIndex((token, at) => {
    if (isSign(token, '(')) depth += 1;
    else if (isSign(token, ')')) depth -= 1;
    return depth === 0 && wanted(token, at);
  });
}

/** src/include/access/htup_details.h MaxTupleAttributeNumber */
const MOST_ITEMS = 1664;

function readItems(tokens: readonly Token[]): readonly Item[] {
  const body = withoutDistinct(tokens);
  if (body.length === 0) return [];
  const parts = splitAtCommas(body);
  if (parts.length > MOST_ITEMS)
    throw new SqlError('54011', `target lists can have at most ${MOST_ITEMS} entries`);
  return parts.map(readItem);
}

function withoutDistinct(tokens: readonly Token[]): readonly Token[] {
  const [first, second] = tokens;
  if (isWord(first, 'all')) return tokens.slice(1);
  if (!isWord(first, 'distinct')) return tokens;
  if (!isWord(second, 'on')) return tokens.slice(1);
  return tokens.slice(topLevel(tokens, (token) => isSign(token, ')')) + 1);
}

function splitAtCommas(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (isSign(token, '(') || isSign(token, '[')) depth += 1;
    if (isSign(token, ')') || isSign(token, ']')) depth -= 1;
    if (depth === 0 && isSign(token, ',')) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

function readItem(tokens: readonly Token[]): Item {
  const last = tokens.at(-1);
  if (last === undefined) throw new SqlError('42601', 'syntax error in the list of SELECT');
  if (isSign(last, '*') && (tokens.length === 1 || isSign(tokens.at(-2), '.'))) return { kind: 'star' };
  const alias = aliasOf(tokens);
  const words = new Words('', tokens.slice(0, tokens.length - (alias?.length ?? 0)));
  const expression = readExpression(words);
  const whole = words.isAtEnd ? expression : null;
  return { kind: 'value', name: alias?.name ?? nameOf(whole), expression: whole };
}

/** `… AS name`, or a name behind something complete. */
function aliasOf(tokens: readonly Token[]): { readonly name: string; readonly length: number } | null {
  const [before, last] = [tokens.at(-2), tokens.at(-1)];
  if (before === undefined || (last?.kind !== 'word' && last?.kind !== 'quoted')) return null;
  if (isWord(before, 'as')) return { name: last.text, length: 2 };
  const isBehindValue =
    before.kind === 'string' || before.kind === 'number' || before.kind === 'quoted' || isSign(before, ')');
  const isBehindName = before.kind === 'word' && last.text !== 'end' && !OPERATORS.has(before.text);
  return isBehindValue || isBehindName ? { name: last.text, length: 1 } : null;
}

/** Words that need something behind them. */
const OPERATORS = new Set([
  'and',
  'or',
  'not',
  'is',
  'in',
  'like',
  'ilike',
  'collate',
  'distinct',
  'from',
  'then',
  'else',
  'when',
  'case',
]);

function demandKnown(items: readonly Item[]): void {
  for (const item of items) {
    if (item.kind === 'star') throw new SqlError('42601', 'SELECT * with no tables specified is not valid');
    if (item.expression === null) throw unsupported('this expression');
  }
}

function readSource(all: readonly Token[], source: readonly Token[]): CatalogSource {
  const where = topLevel(source, (token) => isWord(token, 'where'));
  const conditions = where < 0 ? [] : source.slice(where);
  return {
    relations: relationsOf(all),
    filters: conditions.flatMap(filterOf),
    isGrouped: topLevel(source, (token) => isWord(token, 'group')) >= 0,
  };
}

function filterOf(token: Token): Expression[] {
  if (token.kind === 'string') return [{ kind: 'literal', value: token.text, type: 'text' }];
  return token.kind === 'parameter' ? [token] : [];
}

/** Functions with a FROM inside their parentheses. */
const TAKES_FROM = new Set(['extract', 'substring', 'trim', 'overlay', 'position']);

/**
 * What stands behind each FROM and JOIN, at any depth.
 * @throws SqlError 42P01 for a table that is not of the catalogue
 */
function relationsOf(tokens: readonly Token[]): readonly string[] {
  const commons = tokens.flatMap((token, at) =>
    isWord(tokens[at + 1], 'as') && isName(token) ? [token.text] : [],
  );
  const relations: string[] = [];
  const openers: (string | null)[] = [];
  tokens.forEach((token, at) => {
    if (isSign(token, '(')) openers.push(nameBefore(tokens, at));
    else if (isSign(token, ')')) openers.pop();
    else if (isWord(token, 'join') || (isWord(token, 'from') && !isOperand(tokens[at - 1], openers.at(-1)))) {
      const relation = relationAt(tokens, at + 1, commons);
      if (relation !== null) relations.push(relation);
    }
  });
  return relations;
}

/** `IS DISTINCT FROM x`, `extract(year FROM x)` */
function isOperand(before: Token | undefined, opener: string | null | undefined): boolean {
  return isWord(before, 'distinct') || TAKES_FROM.has(opener ?? '');
}

function nameBefore(tokens: readonly Token[], at: number): string | null {
  const before = tokens[at - 1];
  return before?.kind === 'word' ? before.text : null;
}

/** @returns null for a sub-select, a function or a common table expression */
function relationAt(tokens: readonly Token[], start: number, commons: readonly string[]): string | null {
  let at = start;
  while (isWord(tokens[at], 'only') || isWord(tokens[at], 'lateral')) at += 1;
  const parts: string[] = [];
  for (;;) {
    const token = tokens[at];
    if (!isName(token)) return null;
    parts.push(token.text);
    if (!isSign(tokens[at + 1], '.')) break;
    at += 2;
  }
  const name = parts.at(-1) ?? '';
  const isCatalog =
    name.startsWith('pg_') || parts.includes('information_schema') || parts.includes('pg_catalog');
  if (isCatalog) return name;
  if (isSign(tokens[at + 1], '(') || (parts.length === 1 && commons.includes(name))) return null;
  throw new SqlError(
    '42P01',
    `relation "${parts.join('.')}" does not exist in the SQL console: connect to one of the other databases for tables`,
  );
}

function isWord(token: Token | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text === text;
}

function isSign(token: Token | undefined, text: string): boolean {
  return token?.kind === 'sign' && token.text === text;
}

function isName(
  token: Token | undefined,
): token is Token & { readonly kind: 'word' | 'quoted'; readonly text: string } {
  return token?.kind === 'word' || token?.kind === 'quoted';
}
