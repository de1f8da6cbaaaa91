/**
 * Lower case for A to Z alone, as PostgreSQL has it under the collation "C". What else is a capital depends on the locale, and some
 * are lowered to plain letters (U+212A to k, U+0130 to i), so that somebody else's e-mail address could be had that looks the same.
 */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
}
