import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ERROR_REFERENCE, type ErrorReference } from '../../../src/core/error-reference.ts';
import { ERROR_CODES, fatal, GatewayError, RequestError, type ErrorCode } from '../../../src/core/errors.ts';
import { failureOf } from '../../../src/http/failure.ts';

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];
const reference: Readonly<Record<ErrorCode, ErrorReference>> = ERROR_REFERENCE;

/** The tables that describe codes; whatever else names one, uses it. */
const TABLES = ['errors.ts', 'error-reference.ts'].map((name) => join('src', 'core', name));

interface Said {
  readonly texts: readonly string[];
  readonly names: readonly string[];
}

/** The string literals and identifiers below a node. */
function saidIn(root: ts.Node): Said {
  const texts: string[] = [];
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) texts.push(node.text);
    else if (ts.isIdentifier(node)) names.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(root);
  return { texts, names };
}

/** What functions and constants of a name say, anywhere in src. */
const definitions = new Map<string, Said[]>();
/** Texts of the calls that name a code, with the names that they use. */
const calls = new Map<string, Said[]>();
const used = new Set<string>();

function define(statement: ts.Statement): void {
  const declared = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement];
  for (const one of declared) {
    if (!(ts.isFunctionDeclaration(one) || ts.isVariableDeclaration(one))) continue;
    if (one.name === undefined || !ts.isIdentifier(one.name)) continue;
    definitions.set(one.name.text, [...(definitions.get(one.name.text) ?? []), saidIn(one)]);
  }
}

function noteCalls(literal: ts.StringLiteralLike): void {
  const code = literal.text;
  used.add(code);
  for (let node: ts.Node = literal.parent; !ts.isStatement(node); node = node.parent) {
    if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) continue;
    calls.set(code, [...(calls.get(code) ?? []), saidIn(node)]);
  }
}

for (const entry of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
  const name = join('src', entry);
  if (!name.endsWith('.ts') || TABLES.includes(name)) continue;
  const text = readFileSync(name, 'utf8');
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  source.statements.forEach(define);
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && node.text in ERROR_CODES) noteCalls(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
}

/** All texts at the calls that name a code, or behind them. */
function textsBeside(code: string): Set<string> {
  const texts = new Set<string>();
  const seen = new Set<string>();
  const follow = (said: readonly Said[]): void => {
    for (const { texts: more, names } of said) {
      for (const text of more) texts.add(text);
      for (const name of names) {
        if (seen.has(name)) continue;
        seen.add(name);
        follow(definitions.get(name) ?? []);
      }
    }
  };
  follow(calls.get(code) ?? []);
  return texts;
}

describe('the error reference', () => {
  const page = readFileSync('docs/errors.md', 'utf8');

  it.each(CODES)('%s is documented, with a remedy, and used', (code) => {
    expect(page).toContain(`### \`${code}\`\n\n${ERROR_CODES[code]}\n`);
    expect(reference[code].remedy).toMatch(/\.\)?$/);
    expect(used).toContain(code);
  });

  // That no other SQLSTATE is sent than those is what the type of GatewayError demands.
  it.each(CODES.filter((code) => /^(?:wire|login|session|engine|store)\./.test(code)))(
    '%s is sent with each SQLSTATE that is named for it',
    (code) => {
      const found = textsBeside(code);
      expect(reference[code].sqlStates.filter((state) => !found.has(state))).toEqual([]);
    },
  );

  it('lets no error be made with a SQLSTATE that is not named for its code', () => {
    const wrongPassword = fatal('28P01', '');
    // @ts-expect-error a wrong password's alone
    const wrong = new GatewayError('engine.unreachable', '', wrongPassword);
    type Either = 'login.wrong_secret' | 'wire.timeout';
    // @ts-expect-error fits one of the two only
    const mixed = new GatewayError<Either>('wire.timeout', '', wrongPassword);
    expect([wrong.code, mixed.code]).toEqual(['engine.unreachable', 'wire.timeout']);
  });

  it.each(CODES)('%s gets the HTTP status that is named for it', (code) => {
    const inside = new GatewayError<never>(code as never, 'for operators', fatal('XX000', ''));
    const { httpStatus } = reference[code];
    expect(failureOf(new RequestError(code, 'x')).status).toBe(httpStatus ?? 500);
    expect(failureOf(inside)).toMatchObject({ status: httpStatus ?? 500 });
    expect(failureOf(inside).message).not.toContain('for operators');
  });
});
