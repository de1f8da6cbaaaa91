import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { faultsPage, promised } from '../../support/faults-page.ts';

/** Where tests ask what docs/faults.md promises: `promised('fault', 'SQLSTATE')`, as `SQLSTATE fault`. */
function askedFor(): Set<string> {
  const asked = new Set<string>();
  for (const entry of readdirSync('test/e2e', { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.test.ts')) continue;
    const source = ts.createSourceFile(
      entry,
      readFileSync(join('test/e2e', entry), 'utf8'),
      ts.ScriptTarget.Latest,
    );
    const visit = (node: ts.Node): void => {
      if (
        ts.isCallExpression(node) &&
        ts.isIdentifier(node.expression) &&
        node.expression.text === 'promised'
      ) {
        const [fault, code] = node.arguments.map((argument) =>
          ts.isStringLiteralLike(argument) ? argument.text : 'not a literal',
        );
        asked.add(`${code ?? ''} ${fault ?? ''}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return asked;
}

it('every SQLSTATE that docs/faults.md promises is expected by a test that makes the fault happen', () => {
  expect([...askedFor()].sort()).toEqual(
    faultsPage()
      .map(({ code, fault }) => `${code} ${fault}`)
      .sort(),
  );
});

it('says the text, too, wherever it is ours', () => {
  const bare = faultsPage().filter(({ message }) => message === undefined);
  expect(bare.map(({ code, fault }) => `${code} ${fault}`)).toEqual([
    '57P01 Logins by grace.',
    '57P01 ends the session itself: stopped, terminated',
  ]);
});

it('reads rows, rows that repeat the one above, and points', () => {
  const unreachable = 'logins are unavailable: the token store cannot be reached at the moment';
  expect(promised('refuses, unknown host, wrong password', '57P03')).toEqual({
    code: '57P03',
    message: unreachable,
  });
  expect(promised('silent, or its network is', '57P03')).toEqual({ code: '57P03', message: unreachable });
  expect(promised('gone without a word: killed, cut off, reset', '57P02', 'far')).toEqual({
    code: '57P02',
    message: 'terminating connection: the engine "far" closed it without a word',
  });
  expect(promised('Logins by grace.', '57P01')).toEqual({ code: '57P01' });
  expect(() => promised('refuses, unknown host, wrong password', '57P01')).toThrow('promises no 57P01');
});
