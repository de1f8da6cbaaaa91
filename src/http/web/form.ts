import { RequestError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { readText } from '../body.ts';
import type { HttpContext } from '../env.ts';

/** What a person filled in: a form's body, or the query of a URL. */
export class Form {
  readonly #fields: URLSearchParams;

  constructor(fields: URLSearchParams) {
    this.#fields = fields;
  }

  /** Without blanks at its ends; empty when the field is missing. */
  text(name: string): string {
    return (this.#fields.get(name) ?? '').trim();
  }

  /** Null when empty. */
  optional(name: string): string | null {
    const text = this.text(name);
    return text === '' ? null : text;
  }

  /** As it was typed. */
  secret(name: string): Secret {
    return new Secret(this.#fields.get(name) ?? '');
  }

  all(name: string): readonly string[] {
    return this.#fields.getAll(name);
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  /** Entries divided by commas, blanks or lines; null when there is none. */
  words(name: string): readonly string[] | null {
    const words = this.text(name)
      .split(/[\s,]+/)
      .filter((word) => word !== '');
    return words.length === 0 ? null : words;
  }

  /** @throws RequestError request.invalid, naming the field */
  wholeNumber(name: string, what: string): number | null {
    const text = this.text(name);
    if (text === '') return null;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new RequestError('request.invalid', `${what} must be a whole number.`, { field: name });
  }
}

/** @throws RequestError request.invalid, request.too_large */
export async function readForm(c: HttpContext): Promise<Form> {
  const type = c.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    throw new RequestError('request.invalid', 'The body must be a form (application/x-www-form-urlencoded).');
  }
  return new Form(new URLSearchParams(await readText(c.req.raw)));
}
