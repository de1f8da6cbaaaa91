import { parseDuration } from '../core/duration.ts';
import { SqlError, unsupported } from './sql-error.ts';

interface Known {
  /** As PostgreSQL writes it. */
  readonly name: string;
  readonly initial: string;
  /** Told to the client at the start and whenever it changes: GUC_REPORT. */
  readonly isReported?: boolean;
  /** Null: can not be set. Else whether a value is one that the console can honour; left out: any. */
  readonly allows?: ((value: string) => boolean) | null;
}

const isUtf8 = (value: string): boolean => /^(?:utf-?8|unicode)$/i.test(value.replaceAll(/['"]/g, ''));
const isOn = (value: string): boolean => /^(?:on|true|yes|1)$/i.test(value);
const isTimeout = (value: string): boolean => timeoutMs(value) !== null;

/** What drivers and tools ask for, or set and expect to find set. Where `name` has another meaning here, it can not be set. */
function knownSettings(session: SettingsOfSession): readonly Known[] {
  return [
    { name: 'application_name', initial: session.application, isReported: true },
    { name: 'bytea_output', initial: 'hex' },
    { name: 'client_encoding', initial: 'UTF8', isReported: true, allows: isUtf8 },
    { name: 'client_min_messages', initial: 'notice' },
    { name: 'DateStyle', initial: 'ISO, MDY', isReported: true, allows: (value) => /^iso\b/i.test(value) },
    { name: 'default_transaction_isolation', initial: 'read committed' },
    { name: 'default_transaction_read_only', initial: 'off' },
    { name: 'extra_float_digits', initial: '1' },
    { name: 'idle_in_transaction_session_timeout', initial: '0' },
    { name: 'in_hot_standby', initial: 'off', isReported: true, allows: null },
    { name: 'integer_datetimes', initial: 'on', isReported: true, allows: null },
    { name: 'IntervalStyle', initial: 'postgres', isReported: true },
    { name: 'is_superuser', initial: 'off', isReported: true, allows: null },
    { name: 'lc_messages', initial: 'C' },
    { name: 'lock_timeout', initial: '0' },
    { name: 'max_identifier_length', initial: '63', allows: null },
    { name: 'max_index_keys', initial: '32', allows: null },
    { name: 'search_path', initial: '"$user", public' },
    { name: 'server_encoding', initial: 'UTF8', isReported: true, allows: null },
    { name: 'server_version', initial: session.serverVersion, isReported: true, allows: null },
    { name: 'server_version_num', initial: SERVER_VERSION_NUMBER, allows: null },
    { name: 'session_authorization', initial: session.user, isReported: true, allows: null },
    { name: 'standard_conforming_strings', initial: 'on', isReported: true, allows: isOn },
    { name: 'statement_timeout', initial: '0', allows: isTimeout },
    {
      name: 'TimeZone',
      initial: 'UTC',
      isReported: true,
      allows: (value) => /^(?:utc|gmt|etc\/utc)$/i.test(value),
    },
    { name: 'transaction_isolation', initial: 'read committed' },
    { name: 'transaction_read_only', initial: 'off' },
  ];
}

/** Old enough that no client calls it unknown, new enough that none calls it too old. */
const SERVER_VERSION = '14.0';
const SERVER_VERSION_NUMBER = '140000';

export interface SettingsOfSession {
  readonly user: string;
  readonly application: string;
  /** Of patgate. */
  readonly serverVersion: string;
}

/** The version that clients are told: a PostgreSQL's, and whose it really is. */
export function serverVersion(version: string): string {
  return `${SERVER_VERSION} (patgate ${version})`;
}

/** Names that nobody knows are kept as well, for tools that set what they like; but not without end. */
const MOST_UNKNOWN = 100;
const LONGEST_VALUE = 4096;
const LONGEST_NAME = 256;
const NAME = /^[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)*$/;
/** Accepted and without effect: everything is said in ISO 8601 and UTC, with its offset, whatever a client sets. */
const FIXED_SILENTLY = new Set(['timezone', 'datestyle']);

/** Run-time settings of one session. Few of them mean anything here; clients want to find what they have set. */
export class Settings {
  readonly #known: ReadonlyMap<string, Known>;
  readonly #values = new Map<string, string>();

  constructor(session: SettingsOfSession) {
    this.#known = new Map(knownSettings(session).map((known) => [known.name.toLowerCase(), known]));
  }

  /** Name and value of those that clients are told. */
  get reported(): readonly (readonly [name: string, value: string])[] {
    const reported = [...this.#known.values()].filter(({ isReported }) => isReported === true);
    return reported.map(({ name }) => [name, this.get(name) ?? '']);
  }

  /** Name and value of all. */
  get all(): readonly (readonly [name: string, value: string])[] {
    const unknown = [...this.#values.keys()].filter((key) => !this.#known.has(key));
    const names = [...[...this.#known.values()].map(({ name }) => name), ...unknown];
    return names.map((name) => [name, this.get(name) ?? '']);
  }

  /** In PostgreSQL's spelling. */
  nameOf(name: string): string {
    return this.#known.get(name.toLowerCase())?.name ?? name;
  }

  /** @returns null when there is no such setting */
  get(name: string): string | null {
    const key = name.toLowerCase();
    return this.#values.get(key) ?? this.#known.get(key)?.initial ?? null;
  }

  /** @throws SqlError 42704 */
  demand(name: string): string {
    const value = this.get(name);
    if (value === null) throw new SqlError('42704', `unrecognized configuration parameter "${name}"`);
    return value;
  }

  /**
   * @param value null: back to what it was
   * @returns whether a value that clients are told has changed
   * @throws SqlError 55P02, 22023, 0A000, 54000
   */
  set(name: string, value: string | null): boolean {
    const key = name.toLowerCase();
    const known = this.#known.get(key);
    if (known?.allows === null) throw new SqlError('55P02', `parameter "${known.name}" cannot be changed`);
    const before = this.get(name);
    if (value === null) this.#values.delete(key);
    else this.#put(key, known, value);
    return known?.isReported === true && this.get(name) !== before;
  }

  /** @returns names of those that clients are told and that have changed */
  reset(): readonly string[] {
    const changed = [...this.#values.keys()].filter((key) => this.#known.get(key)?.isReported === true);
    this.#values.clear();
    return changed.map((key) => this.nameOf(key));
  }

  /** `statement_timeout`; 0: none. */
  get statementTimeoutMs(): number {
    return timeoutMs(this.get('statement_timeout') ?? '0') ?? 0;
  }

  #put(key: string, known: Known | undefined, value: string): void {
    if (value.length > LONGEST_VALUE || key.length > LONGEST_NAME || !NAME.test(key))
      throw new SqlError('22023', 'invalid name or value of a configuration parameter');
    if (known === undefined && !this.#values.has(key) && this.#values.size >= MOST_UNKNOWN + this.#known.size)
      throw new SqlError('54000', 'too many configuration parameters are set');
    if (known?.allows?.(value) === false) {
      if (FIXED_SILENTLY.has(key)) return;
      throw key === 'statement_timeout'
        ? new SqlError('22023', `invalid value for parameter "${known.name}"`)
        : unsupported(`another ${known.name} than ${known.initial}`);
    }
    if (key !== 'client_encoding') this.#values.set(key, value);
  }
}

/** A number is milliseconds. */
function timeoutMs(text: string): number | null {
  return /^\d{1,10}$/.test(text.trim()) ? Number(text) : parseDuration(text);
}
