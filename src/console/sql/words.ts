import type { SqlError } from '../sql-error.ts';
import { syntaxErrorNear, type Token } from './lexer.ts';

/** Text that a statement holds, or the number of the parameter that brings it. */
export type Operand =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'parameter'; readonly index: number };

/** The tokens of one statement, read from left to right. */
export class Words {
  readonly #sql: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(sql: string, tokens: readonly Token[]) {
    this.#sql = sql;
    this.#tokens = tokens;
  }

  get isEmpty(): boolean {
    return this.#tokens.length === 0;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The next token, not taken. */
  get next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  /** Everything that was not taken; takes it. */
  rest(): readonly Token[] {
    const rest = this.#tokens.slice(this.#at);
    this.#at = this.#tokens.length;
    return rest;
  }

  /** The highest parameter number of the whole statement; 0: none. */
  get parameters(): number {
    return this.#tokens.reduce(
      (highest, token) => (token.kind === 'parameter' ? Math.max(highest, token.index) : highest),
      0,
    );
  }

  /** Takes these words if all of them come next, in any case. */
  accept(...words: readonly string[]): boolean {
    const here = this.#tokens.slice(this.#at, this.#at + words.length);
    const fits = words.every((word, index) => here[index]?.kind === 'word' && here[index].text === word);
    if (fits) this.#at += words.length;
    return fits;
  }

  /** Takes one of the words. @returns which, or null */
  acceptOne<const W extends string>(...words: readonly W[]): W | null {
    return words.find((word) => this.accept(word)) ?? null;
  }

  acceptSign(sign: string): boolean {
    const { next } = this;
    const fits = next?.kind === 'sign' && next.text === sign;
    if (fits) this.#at += 1;
    return fits;
  }

  /** @throws SqlError 42601 */
  expect(...words: readonly string[]): void {
    for (const word of words) if (!this.accept(word)) throw this.lost();
  }

  /** @throws SqlError 42601 */
  expectSign(sign: string): void {
    if (!this.acceptSign(sign)) throw this.lost();
  }

  /**
   * A string or parameter. Drivers that put values into the text themselves write `('text')` (pgjdbc) or `'text'::type`.
   * @throws SqlError 42601
   */
  operand(): Operand {
    const isInParentheses = this.acceptSign('(');
    const operand = this.#bareOperand();
    if (isInParentheses) this.expectSign(')');
    return operand;
  }

  #bareOperand(): Operand {
    const taken = this.#take();
    if (taken.kind !== 'string' && taken.kind !== 'parameter') throw this.#lostAt(taken);
    if (this.acceptSign('::')) this.name();
    return taken.kind === 'string'
      ? { kind: 'text', text: taken.text }
      : { kind: 'parameter', index: taken.index };
  }

  /** A name, quoted or not, or what `operand` takes. @throws SqlError 42601 */
  nameOrOperand(): Operand {
    const { next } = this;
    if (next?.kind === 'word' || next?.kind === 'quoted') return { kind: 'text', text: this.name() };
    return this.operand();
  }

  /** @throws SqlError 42601 */
  name(): string {
    const taken = this.#take();
    if (taken.kind === 'word' || taken.kind === 'quoted') return taken.text;
    throw this.#lostAt(taken);
  }

  /** Takes a number, if one comes next. @returns its text, or null */
  number(): string | null {
    const { next } = this;
    if (next?.kind !== 'number') return null;
    this.#at += 1;
    return next.text;
  }

  /** `(a, b)`, at least one. @throws SqlError 42601 */
  list<T>(item: () => T): readonly T[] {
    this.expectSign('(');
    const items = this.commaList(item);
    this.expectSign(')');
    return items;
  }

  /** `a, b`, at least one. */
  commaList<T>(item: () => T): readonly T[] {
    const items = [item()];
    while (this.acceptSign(',')) items.push(item());
    return items;
  }

  /** @throws SqlError 42601 unless everything was taken */
  end(): void {
    if (!this.isAtEnd) throw this.lost();
  }

  /** The error for a statement that does not go on as it should. */
  lost(): SqlError {
    return this.#lostAt(this.next);
  }

  #take(): Token {
    const { next } = this;
    if (next === undefined) throw this.lost();
    this.#at += 1;
    return next;
  }

  #lostAt(token: Token | undefined): SqlError {
    return syntaxErrorNear(token === undefined ? null : this.#sql.slice(token.at, token.end));
  }
}
