import { accessSync, constants, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseDuration } from '../core/duration.ts';
import { parseNetwork } from '../core/networks.ts';
import { STORE_ATTRIBUTES } from '../core/postgres-url.ts';
import { Secret } from '../core/secret.ts';
import { parameterOf, problemOfPostgresUrl } from './postgres-url.ts';

/** What a source holds before its type is known: text (flag, variable, TOML scalar), a TOML array or a TOML table. */
export type RawValue = string | readonly string[] | ReadonlyMap<string, string>;

/** The kind of value that a TOML file may hold for a setting; the other sources hold text only. */
export type TomlKind = 'string' | 'integer' | 'boolean' | 'array' | 'table';

export type Parsed<T> = { readonly value: T } | { readonly problem: string };

export interface ParseContext {
  /** What relative paths start from: the configuration file's folder, else the working directory. */
  readonly baseDir: string;
}

/** How a setting is written, and what it becomes. A problem reads as the end of a sentence and never holds a secret. */
export interface ValueType<T> {
  /** Shown in help, such as `HOST:PORT`. */
  readonly syntax: string;
  readonly toml: readonly TomlKind[];
  readonly isSecret: boolean;
  parse(raw: RawValue, context: ParseContext): Parsed<T>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where sessions for a requested database go. A null database means: of the same name as requested. */
export interface DatabaseTarget {
  readonly engine: string;
  readonly database: string | null;
}

/** Printable and bounded, for an error line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

/** A type whose values are written as one piece of text. */
function scalar<T>(
  syntax: string,
  toml: readonly TomlKind[],
  parse: (text: string, context: ParseContext) => Parsed<T>,
): ValueType<T> {
  return {
    syntax,
    toml,
    isSecret: false,
    parse: (raw, context) =>
      typeof raw === 'string' ? parse(raw.trim(), context) : { problem: `must be ${syntax}` },
  };
}

export const text = (syntax = 'TEXT'): ValueType<string> =>
  scalar(syntax, ['string'], (value) => (value === '' ? { problem: 'must not be empty' } : { value }));

export const boolean: ValueType<boolean> = scalar('true|false', ['boolean', 'string'], (value) => {
  if (/^(true|on|yes|1)$/i.test(value)) return { value: true };
  if (/^(false|off|no|0)$/i.test(value)) return { value: false };
  return { problem: `${quote(value)} is neither true nor false` };
});

export const integer = (min: number, max: number): ValueType<number> =>
  scalar('NUMBER', ['integer', 'string'], (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max
      ? { value: number }
      : { problem: `${quote(value)} is not a whole number from ${min} to ${max}` };
  });

export const oneOf = <const T extends string>(...choices: readonly T[]): ValueType<T> =>
  scalar(choices.join('|'), ['string'], (value) => {
    const choice = choices.find((each) => each === value.toLowerCase());
    return choice === undefined
      ? { problem: `${quote(value)} is not one of ${choices.join(', ')}` }
      : { value: choice };
  });

/** Milliseconds, at least one. */
export const duration: ValueType<number> = scalar('DURATION', ['string'], (value) => {
  const ms = parseDuration(value);
  return ms !== null && ms > 0
    ? { value: ms }
    : { problem: `${quote(value)} is not a duration such as 500ms, 60s, 10min, 24h or 30d` };
});

/** The same type, with the word `off` for null. */
export function orOff<T>(type: ValueType<T>): ValueType<T | null> {
  return {
    ...type,
    syntax: `${type.syntax}|off`,
    parse: (raw, context) =>
      typeof raw === 'string' && /^\s*off\s*$/i.test(raw) ? { value: null } : type.parse(raw, context),
  };
}

/** `HOST:PORT`; IPv6 addresses stand in brackets, and `*` means every address. */
export const address: ValueType<Address> = scalar('HOST:PORT', ['string'], (value) => {
  const match = /^(?:\[([^\]]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2] ?? '';
  if (match === null || port > 65_535 || (match[1] !== undefined && isIP(host) !== 6)) {
    return { problem: `${quote(value)} is not HOST:PORT, such as 127.0.0.1:6432, [::1]:6432 or *:6432` };
  }
  return { value: { host: host === '*' ? '::' : host, port } };
});

/** A folder or a file that need not exist yet; becomes absolute. */
export const path: ValueType<string> = scalar('PATH', ['string'], (value, { baseDir }) =>
  value === '' ? { problem: 'must not be empty' } : { value: resolve(baseDir, value) },
);

/** A file that can be read; becomes absolute. */
export const existingFile: ValueType<string> = scalar('FILE', ['string'], (value, { baseDir }) => {
  const file = resolve(baseDir, value);
  const problem = unreadable(file);
  return problem === null ? { value: file } : { problem: `${quote(file)}: ${problem}` };
});

/** Why a file can not be read, or null when it can. */
export function unreadable(file: string): string | null {
  try {
    if (statSync(file).isDirectory()) return 'is a folder, not a file';
    accessSync(file, constants.R_OK);
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such file';
    return code === 'EACCES' ? 'permission denied' : 'can not be read';
  }
}

export const httpUrl: ValueType<string> = scalar('URL', ['string'], (value) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
    ? { value: value.replace(/\/+$/, '') }
    : { problem: `${quote(value)} is not an http:// or https:// URL without a password` };
});

/** Several words; separated by commas where the source holds text. */
export function listOf(syntax: string, check: (item: string) => string | null): ValueType<readonly string[]> {
  return {
    syntax,
    toml: ['array', 'string'],
    isSecret: false,
    parse: (raw) => {
      if (raw instanceof Map) return { problem: `must be ${syntax}` };
      const parts = typeof raw === 'string' ? raw.split(',') : [...(raw as readonly string[])];
      const items = parts.map((part) => part.trim()).filter((part) => part !== '');
      for (const item of items) {
        const problem = check(item);
        if (problem !== null) return { problem: `${quote(item)} ${problem}` };
      }
      return { value: [...new Set(items)] };
    },
  };
}

export const words = listOf('WORD,…', () => null);

export const networks = listOf('CIDR,…', (item) =>
  parseNetwork(item) === null ? 'is not an address or a CIDR block' : null,
);

/** Text that must not be seen. */
export const secret: ValueType<Secret> = {
  syntax: 'SECRET',
  toml: ['string'],
  isSecret: true,
  parse: (raw) =>
    typeof raw === 'string' && raw !== ''
      ? { value: new Secret(raw) }
      : { problem: 'must be text that is not empty' },
};

/** A URL of one of the schemes; secret, because it may hold a password. */
function secretUrl(syntax: string, check: (url: URL) => string | null): ValueType<Secret> {
  return {
    ...secret,
    syntax,
    parse: (raw) => {
      const value = typeof raw === 'string' ? raw.trim() : '';
      if (!URL.canParse(value)) return { problem: `is not a URL such as ${syntax}` };
      const problem = check(new URL(value));
      return problem === null ? { value: new Secret(value) } : { problem };
    },
  };
}

export const postgresUrl: ValueType<Secret> = {
  ...secret,
  syntax: 'postgres://USER@HOST:PORT/DATABASE',
  parse: (raw) => {
    const value = typeof raw === 'string' ? raw.trim() : '';
    const problem = problemOfPostgresUrl(value);
    return problem === null ? { value: new Secret(value) } : { problem };
  },
};

export const storeUrl: ValueType<Secret> = {
  ...postgresUrl,
  parse(raw, context) {
    const parsed = postgresUrl.parse(raw, context);
    if ('problem' in parsed) return parsed;
    const wanted = parameterOf(parsed.value.reveal(), 'target_session_attrs');
    if (wanted === null || STORE_ATTRIBUTES.some((name) => name === wanted)) return parsed;
    return {
      problem: `target_session_attrs is not one of ${STORE_ATTRIBUTES.join(', ')}: the store has to take changes`,
    };
  },
};

export const smtpUrl = secretUrl('smtps://USER:PASSWORD@HOST:PORT', (url) =>
  /^smtps?:$/.test(url.protocol) && url.hostname !== '' ? null : 'is not an smtp:// or smtps:// URL',
);

export const webhookUrl = secretUrl('https://HOST/PATH', (url) =>
  /^https?:$/.test(url.protocol) ? null : 'is not an http:// or https:// URL',
);

/** `auto` is the number of cores. */
export const workers: ValueType<number> = {
  ...integer(1, 256),
  syntax: 'NUMBER|auto',
  parse: (raw, context) =>
    raw === 'auto' ? { value: availableParallelism() } : integer(1, 256).parse(raw, context),
};

/** `*=main,sales=warehouse/sales_prod`, or a TOML table of the same. */
export const databaseMap: ValueType<ReadonlyMap<string, DatabaseTarget>> = {
  syntax: 'NAME=ENGINE[/DATABASE],…',
  toml: ['table', 'string'],
  isSecret: false,
  parse: (raw) => {
    const pairs = raw instanceof Map ? [...(raw as ReadonlyMap<string, string>)] : splitPairs(raw);
    const targets = new Map<string, DatabaseTarget>();
    for (const [name, target] of pairs) {
      const [engine = '', ...rest] = target.split('/');
      const database = rest.length === 0 ? null : rest.join('/');
      if (name === '' || engine === '' || database === '') {
        return { problem: `${quote(`${name}=${target}`)} is not NAME=ENGINE or NAME=ENGINE/DATABASE` };
      }
      if (targets.has(name)) return { problem: `${quote(name)} is given twice` };
      targets.set(name, { engine, database });
    }
    return { value: targets };
  },
};

function splitPairs(raw: RawValue): [string, string][] {
  const parts = typeof raw === 'string' ? raw.split(',') : [];
  return parts
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [part.trim(), ''] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    });
}
