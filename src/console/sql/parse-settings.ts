import { unsupported } from '../sql-error.ts';
import { REPORTS, type Report, type Statement, type Whose } from './statement.ts';
import type { Words } from './words.ts';

/** `SHOW [MY|ALL] TOKENS|SESSIONS [FOR USER name]`, `SHOW USERS` and other reports, `SHOW name`, `SHOW ALL` */
export function parseShow(words: Words): Statement {
  const scope = words.acceptOne('my', 'all');
  const list = words.acceptOne('tokens', 'sessions');
  if (list !== null) return { kind: list, whose: whose(words, scope) };
  if (scope === 'my') throw words.lost();
  if (scope === 'all') return { kind: 'showSetting', name: null };
  const report = words.acceptOne<Report>(...REPORTS);
  if (report !== null) return { kind: 'report', report };
  return { kind: 'showSetting', name: longName(words) ?? dottedName(words) };
}

function whose(words: Words, scope: 'my' | 'all' | null): Whose {
  if (scope !== null) return { kind: scope === 'my' ? 'own' : 'all' };
  if (!words.accept('for')) return { kind: 'visible' };
  words.expect('user');
  return { kind: 'user', name: words.nameOrOperand() };
}

/** Settings with a name of several words. */
function longName(words: Words): string | null {
  if (words.accept('time', 'zone')) return 'timezone';
  if (words.accept('transaction', 'isolation', 'level')) return 'transaction_isolation';
  return words.accept('session', 'authorization') ? 'session_authorization' : null;
}

/** `SET [SESSION|LOCAL] name {TO|=} {value, …|DEFAULT}` and its many other forms */
export function parseSet(words: Words): Statement {
  const nothing = (): Statement => {
    words.rest();
    return { kind: 'nothing', tag: 'SET' };
  };
  if (words.accept('constraints')) return nothing();
  if (words.accept('session', 'characteristics') || words.accept('transaction')) return nothing();
  if (words.accept('session', 'authorization') || words.accept('local', 'session', 'authorization'))
    return identity(words, 'SESSION AUTHORIZATION');
  words.acceptOne('session', 'local');
  if (words.accept('role')) return identity(words, 'ROLE');
  if (words.accept('time', 'zone')) return { kind: 'set', name: 'timezone', value: value(words) };
  if (words.accept('names')) return { kind: 'set', name: 'client_encoding', value: value(words) };
  const name = dottedName(words);
  if (!words.accept('to')) words.expectSign('=');
  return { kind: 'set', name, value: value(words) };
}

/** `RESET name`, `RESET ALL` */
export function parseReset(words: Words): Statement {
  if (words.accept('all')) return { kind: 'reset', name: null };
  if (words.accept('role') || words.accept('session', 'authorization'))
    return { kind: 'nothing', tag: 'RESET' };
  return { kind: 'reset', name: longName(words) ?? dottedName(words) };
}

/** Who somebody is here was settled by the login; staying so can be asked for. */
function identity(words: Words, what: string): Statement {
  if (!words.acceptSign('=')) words.accept('to');
  if (words.isAtEnd) throw words.lost();
  if (!words.accept('none') && !words.accept('default')) throw unsupported(`SET ${what}`);
  return { kind: 'nothing', tag: 'SET' };
}

function dottedName(words: Words): string {
  let name = words.name();
  while (words.acceptSign('.')) name += `.${words.name()}`;
  return name;
}

/** Values in a list are joined as PostgreSQL does; an interval's unit belongs to the SQL standard's SET TIME ZONE. */
function value(words: Words): string | null {
  if (words.accept('default')) return null;
  return words.commaList(() => oneValue(words)).join(', ');
}

function oneValue(words: Words): string {
  words.accept('interval');
  const sign = words.acceptSign('-') ? '-' : '';
  const number = words.number();
  if (number !== null) return sign + number;
  if (sign !== '') throw words.lost();
  const operand = words.nameOrOperand();
  if (operand.kind === 'parameter') throw unsupported('parameters in SET');
  return operand.text;
}
