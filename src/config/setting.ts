import type { Parsed, RawValue, ValueType, ParseContext } from './value-types.ts';

/** In the order of help and documentation. */
export const SECTIONS = {
  general: 'General',
  listen: 'Listeners',
  tls: 'TLS towards clients',
  store: 'Store',
  login: 'Login',
  oauth: 'OAuth',
  engine: 'Engines',
  databases: 'Databases',
  console: 'SQL console',
  sessions: 'Sessions',
  pool: 'Engine session re-use',
  http: 'HTTP',
  notices: 'Notices',
  bootstrap: 'First administrator',
  log: 'Log',
} as const;

export type SectionName = keyof typeof SECTIONS;

export type Environment = Readonly<Record<string, string | undefined>>;

/** One line of the settings table. `T` is the type of the value in the loaded configuration. */
export interface Setting<T> {
  readonly section: SectionName;
  readonly help: string;
  readonly syntax: string;
  readonly toml: ValueType<unknown>['toml'];
  /** May hold a secret: has no plain flag text in logs, and a companion ending in `_file`. */
  readonly isSecret: boolean;
  /** Takes effect on SIGHUP, without a restart. */
  readonly isReloadable: boolean;
  /** As an operator would write it; null when nothing is set. */
  readonly defaultText: string | null;
  parse(raw: RawValue, context: ParseContext): Parsed<T>;
  /** The value when no source sets it. */
  makeDefault(environment: Environment): T;
}

interface About {
  readonly section: SectionName;
  readonly help: string;
  readonly reloadable?: boolean;
}

/** A setting that always has a value. The default is written as an operator would write it. */
export function setting<T>(type: ValueType<T>, defaultText: string, about: About): Setting<T> {
  return computed(type, defaultText, about, () => {
    const parsed = type.parse(defaultText, { baseDir: process.cwd() });
    if ('problem' in parsed) throw new Error(`bad default ${defaultText}: ${parsed.problem}`);
    return parsed.value;
  });
}

/** A setting whose default depends on the environment; `defaultText` describes it. */
export function computed<T>(
  type: ValueType<T>,
  defaultText: string,
  about: About,
  makeDefault: (environment: Environment) => T,
): Setting<T> {
  return {
    ...shared(type, about),
    defaultText,
    parse: (raw, context) => type.parse(raw, context),
    makeDefault,
  };
}

/** A setting that is null unless given. */
export function optional<T>(type: ValueType<T>, about: About): Setting<T | null> {
  return {
    ...shared(type, about),
    defaultText: null,
    parse: (raw, context) => type.parse(raw, context),
    makeDefault: () => null,
  };
}

function shared(type: ValueType<unknown>, about: About) {
  return {
    section: about.section,
    help: about.help,
    syntax: type.syntax,
    toml: type.toml,
    isSecret: type.isSecret,
    isReloadable: about.reloadable ?? false,
  };
}
