import { readFileSync } from 'node:fs';
import path from 'node:path';
import { REPOSITORY } from './child.ts';

/** What somebody gets, in the form of node `pg`. */
export interface Promised {
  readonly code: string;
  /** Left out where the page leaves the words to somebody else. */
  readonly message?: string;
}

export interface PromisedIn extends Promised {
  /** First cell of a table's row, or the bold beginning of a point. */
  readonly fault: string;
}

const STATE = /\b(\d\d[0-9A-Z]{3})\b(?:\s+`([^`]+)`)?/g;

/** Every SQLSTATE of the page, with the text behind it and the fault that it is said of. @throws for one that is said of none */
export function faultsPage(): readonly PromisedIn[] {
  const page = readFileSync(path.join(REPOSITORY, 'docs/faults.md'), 'utf8');
  const promises: PromisedIn[] = [];
  let above: readonly PromisedIn[] = [];
  for (const part of page.split(/^(?=[|#]|- )|\n\n/m)) {
    const [, row, said = ''] = /^\| *([^|]*?) *\| *([^|]*)/.exec(part) ?? [];
    const fault = row ?? /^- \*\*(.+?)\*\*/.exec(part)?.[1];
    const found = [...part.matchAll(STATE)].map(([, code = '', message]) => {
      if (fault === undefined) throw new Error(`docs/faults.md says ${code} of no fault: ${part}`);
      return { fault, code, ...(message !== undefined && { message: message.replace(/\s+/g, ' ') }) };
    });
    // "the same", that is: as in the row above.
    const own = said.startsWith('the same') ? above.map((one) => ({ ...one, fault: fault ?? '' })) : found;
    promises.push(...own);
    above = own;
  }
  return promises;
}

/**
 * What the page promises, for a test that makes the fault happen. That each promise is asked for is a test of its own.
 * @param engine what `"NAME"` stands for
 */
export function promised(fault: string, code: string, engine = 'main'): Promised {
  const found = faultsPage().find((one) => one.fault === fault && one.code === code);
  if (found === undefined) throw new Error(`docs/faults.md promises no ${code} for "${fault}"`);
  const { message } = found;
  return message === undefined ? { code } : { code, message: message.replace('"NAME"', `"${engine}"`) };
}

/** In one line, as tests write down how a login ended. */
export function inWords({ code, message = '' }: Promised): string {
  return `${code} ${message}`;
}
