import { inspect } from 'node:util';

const REDACTED = '[secret]';

/**
 * A string that does not print: JSON, template strings, `inspect` and loggers show `[secret]`. Only `reveal()` gives the
 * text, so that every place where a secret leaves is found by searching for that word.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  get isEmpty(): boolean {
    return this.#text.length === 0;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
