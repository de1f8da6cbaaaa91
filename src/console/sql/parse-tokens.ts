import { SqlError, unsupported } from '../sql-error.ts';
import type { CreateToken, ExplainLogin, Statement } from './statement.ts';
import type { Words } from './words.ts';

/** `CREATE TOKEN 'label' [clauses]` */
export function parseCreate(words: Words): Statement {
  if (!words.accept('token')) throw unsupported('CREATE of anything but a TOKEN');
  const label = words.operand();
  const clauses = parseClauses<CreateToken>(words, [
    ['owner', ['for', 'user'], () => words.nameOrOperand()],
    ['lifetime', ['valid', 'for'], () => words.operand()],
    ['description', ['description'], () => words.operand()],
    ['role', ['role'], () => words.nameOrOperand()],
    ['databases', ['databases'], () => words.list(() => words.nameOrOperand())],
    ['networks', ['networks'], () => words.list(() => words.operand())],
    ['maxSessions', ['max', 'sessions'], () => count(words)],
    ['scopes', ['scopes'], () => words.list(() => words.nameOrOperand())],
  ]);
  return { kind: 'createToken', label, ...clauses };
}

/** `REVOKE TOKEN '<tid>', … [REASON '…']`, `REVOKE ALL TOKENS [FOR USER name] [REASON '…']` */
export function parseRevoke(words: Words): Statement {
  if (words.accept('all', 'tokens')) {
    const clauses = parseClauses<Extract<Statement, { kind: 'revokeAllTokens' }>>(words, [
      ['owner', ['for', 'user'], () => words.nameOrOperand()],
      ['reason', ['reason'], () => words.operand()],
    ]);
    return { kind: 'revokeAllTokens', ...clauses };
  }
  if (!words.accept('token')) throw unsupported('REVOKE of anything but a TOKEN');
  const tids = words.commaList(() => words.operand());
  return { kind: 'revokeTokens', tids, ...reasonOf(words) };
}

/** `ROTATE TOKEN '<tid>' [OVERLAP '24 hours'] [VALID FOR '90 days']` */
export function parseRotate(words: Words): Statement {
  words.expect('token');
  const tid = words.operand();
  const clauses = parseClauses<Extract<Statement, { kind: 'rotateToken' }>>(words, [
    ['overlap', ['overlap'], () => words.operand()],
    ['lifetime', ['valid', 'for'], () => words.operand()],
  ]);
  return { kind: 'rotateToken', tid, ...clauses };
}

/** `KILL SESSION '<sid>', … [REASON '…']` */
export function parseKill(words: Words): Statement {
  words.expect('session');
  const sids = words.commaList(() => words.operand());
  return { kind: 'killSessions', sids, ...reasonOf(words) };
}

/** `EXPLAIN LOGIN [USER name] [DATABASE name] [FROM 'address'] [TOKEN '<tid>']` */
export function parseExplain(words: Words): Statement {
  if (!words.accept('login')) throw unsupported('EXPLAIN of anything but a LOGIN');
  const clauses = parseClauses<ExplainLogin>(words, [
    ['user', ['user'], () => words.nameOrOperand()],
    ['database', ['database'], () => words.nameOrOperand()],
    ['address', ['from'], () => words.operand()],
    ['token', ['token'], () => words.operand()],
  ]);
  return { kind: 'explainLogin', ...clauses };
}

type ClauseRule<Target> = {
  readonly [K in keyof Target]-?: readonly [name: K, words: readonly string[], read: () => Target[K]];
}[keyof Target];

/** Clauses in any order, each at most once. */
function parseClauses<Target extends { readonly kind: string }>(
  words: Words,
  rules: readonly ClauseRule<Omit<Target, 'kind'>>[],
): Partial<Omit<Target, 'kind'>> {
  const clauses: Partial<Record<keyof Target, unknown>> = {};
  while (!words.isAtEnd) {
    const rule = rules.find(([, introduction]) => words.accept(...introduction));
    if (rule === undefined) throw words.lost();
    const [name, introduction, read] = rule as readonly [keyof Target, readonly string[], () => unknown];
    if (name in clauses)
      throw new SqlError(
        '42601',
        `conflicting or redundant options: ${introduction.join(' ').toUpperCase()}`,
      );
    clauses[name] = read();
  }
  return clauses as Partial<Omit<Target, 'kind'>>;
}

function reasonOf(words: Words): { readonly reason?: ReturnType<Words['operand']> } {
  return words.accept('reason') ? { reason: words.operand() } : {};
}

function count(words: Words): ReturnType<Words['operand']> {
  const number = words.number();
  return number === null ? words.operand() : { kind: 'text', text: number };
}
