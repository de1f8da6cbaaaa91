import { RequestError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';

const LONGEST_NAME = 128;
const LONGEST_TEXT = 255;
const MOST_DATABASES = 100;
const SHORTEST_PASSWORD = 8;
const LONGEST_PASSWORD = 1024;

/**
 * A name that can stand in a connection string and in a listing without deceiving anyone.
 * @throws RequestError request.invalid
 */
export function checkName(name: string, what: 'user' | 'group', reserved: readonly string[]): string {
  if (
    name === '' ||
    name.length > LONGEST_NAME ||
    /[\p{C}\p{Zl}\p{Zp}]/u.test(name) ||
    name !== name.trim()
  ) {
    throw invalid(
      'name',
      `A ${what} name has 1 to ${LONGEST_NAME} printable characters and no blank at its ends.`,
    );
  }
  if (what === 'user' && (reserved.includes(name) || name.startsWith('$'))) {
    throw invalid(
      'name',
      `"${name}" cannot be a user name: names that begin with $, and token user names, mean tokens.`,
    );
  }
  return name;
}

/** @throws RequestError request.invalid */
export function checkText(text: string | null, what: string, field: string | null = null): string | null {
  if (text === null || text === '') return null;
  if (text.length > LONGEST_TEXT || /[\p{Cc}\p{Cs}]/u.test(text)) {
    throw invalid(field, `${what} has at most ${LONGEST_TEXT} characters and no control characters.`);
  }
  return text;
}

/** @throws RequestError request.invalid */
export function checkEmail(email: string | null): string | null {
  const text = checkText(email, 'An e-mail address', 'email');
  if (text !== null && !/^[^\s@]+@[^\s@]+$/.test(text))
    throw invalid('email', `"${text}" is not an e-mail address.`);
  return text;
}

/** @throws RequestError request.invalid */
export function checkDatabases(databases: readonly string[] | null): readonly string[] | null {
  if (databases === null) return null;
  if (databases.length > MOST_DATABASES)
    throw invalid('databases', `At most ${MOST_DATABASES} databases can be named.`);
  for (const name of databases) {
    if (name === '') throw invalid('databases', 'A database name cannot be empty.');
    checkText(name, 'A database name', 'databases');
  }
  return [...new Set(databases)];
}

/**
 * Long enough to withstand guessing at a throttled door; what it is made of is left to its owner (NIST SP 800-63B, 5.1.1.2).
 * @throws RequestError request.invalid
 */
export function checkPassword(password: Secret): void {
  const text = password.reveal();
  if (text.length < SHORTEST_PASSWORD || text.length > LONGEST_PASSWORD) {
    throw invalid('password', `A password has ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters.`);
  }
  if (text.includes('\0')) throw invalid('password', 'A password cannot contain a NUL character.');
}

/** @param field by its name in the service; null: the caller knows */
function invalid(field: string | null, message: string): RequestError {
  return new RequestError('request.invalid', message, field === null ? {} : { field });
}
