import { fatal, GatewayError } from '../core/errors.ts';
import { PROTOCOL_OPTION_PREFIX } from '../wire/constants.ts';
import type { StartupParameter } from '../wire/startup.ts';

/** Settings that decide who a session is: guc_tables.c, PGC_USERSET and settable in a start-up packet. */
const IDENTITY_SETTINGS: ReadonlySet<string> = new Set(['role', 'session_authorization']);

/** What the gateway says by itself, whatever the case: CockroachDB lower-cases names, and the last of two counts. */
const OWN_WORDS: ReadonlySet<string> = new Set(['user', 'database', 'crdb:remote_addr']);

/**
 * Refuses start-up parameters that would make the session another role than the one it is opened as, given by name or
 * inside `options`. Everything else is the engine's to judge.
 * @param role the engine role of the session, which a client may name
 * @throws GatewayError login.role_not_allowed (42501; 42704 for what PostgreSQL does not know)
 */
export function vetParameters(parameters: readonly StartupParameter[], role: string): void {
  for (const { name, value } of parameters) {
    if (isOwnWord(name)) throw unrecognized(name);
    // PostgreSQL only knows the lower-case word; engines that speak its protocol may be laxer.
    if (name.toLowerCase() === 'options') vetOptions(value, role);
    else vetSetting(name, value.toString('latin1'), role);
  }
}

/** @param name of a start-up parameter, in whatever case, that the gateway alone may tell an engine */
function isOwnWord(name: string): boolean {
  const word = name.toLowerCase();
  return OWN_WORDS.has(word) || word.startsWith(PROTOCOL_OPTION_PREFIX);
}

/** SQLSTATE and text are PostgreSQL's: src/backend/utils/misc/guc.c, find_option. */
function unrecognized(name: string): GatewayError {
  return new GatewayError(
    'login.role_not_allowed',
    `the client sent the start-up parameter ${JSON.stringify(name)}, which may be another's name to an engine`,
    fatal('42704', `unrecognized configuration parameter "${name}"`),
  );
}

/** Whether the client asks for a replication connection; what is not a plain "no" counts as one. */
export function asksForReplication(parameters: readonly StartupParameter[]): boolean {
  return parameters.some(
    ({ name, value }) => name.toLowerCase() === 'replication' && !isFalse(value.toString('latin1')),
  );
}

/** @throws GatewayError login.replication_not_allowed (42501) */
export function refuseReplication(parameters: readonly StartupParameter[]): void {
  if (!asksForReplication(parameters)) return;
  throw new GatewayError(
    'login.replication_not_allowed',
    'the client asked for a replication connection',
    fatal('42501', 'replication connections are not allowed through this gateway'),
  );
}

/** What parse_bool() of src/backend/utils/adt/bool.c takes for false. */
function isFalse(text: string): boolean {
  const word = text.toLowerCase();
  return (
    ['false', 'no', 'off'].some((no) => no.startsWith(word) && word !== '' && word !== 'o') || word === '0'
  );
}

function vetOptions(value: Buffer, role: string): void {
  const text = value.toString('latin1');
  for (const word of WHITE_SPACE.flatMap((space) => splitOptions(text, space))) {
    // `-c name=value`, `-cname=value`, `--name=value`, and `-Ec…`: getopt lets switches without an argument share a dash.
    const setting = word.replace(/^-[A-Za-z]*?[c-]/, '');
    const equals = setting.indexOf('=');
    if (equals > 0) vetSetting(setting.slice(0, equals), setting.slice(equals + 1), role);
  }
}

/** What isspace() may mean at the engine: some locales count NEL and the no-break space. Both readings must be harmless. */
const WHITE_SPACE = ['\\t-\\r ', '\\t-\\r \\x85\\xa0'] as const;

/** Splits as pg_split_opts() of src/backend/utils/init/postinit.c: at white space, a backslash protects what follows. */
function splitOptions(text: string, space: string): string[] {
  const words = text.match(new RegExp(`(?:\\\\[\\s\\S]|[^${space}\\\\])+`, 'g')) ?? [];
  return words.map((word) => word.replace(/\\([\s\S])/g, '$1'));
}

function vetSetting(name: string, value: string, role: string): void {
  const setting = name.toLowerCase().replaceAll('-', '_');
  if (!IDENTITY_SETTINGS.has(setting)) return;
  if (Buffer.from(value, 'latin1').equals(Buffer.from(role))) return;
  const what = setting === 'role' ? 'set role' : 'set session authorization';
  throw new GatewayError(
    'login.role_not_allowed',
    `the client asked for another ${setting} than ${role} in its start-up parameters`,
    fatal('42501', `permission denied to ${what} in start-up parameters`, {
      detail: `This session runs as role "${role}".`,
    }),
  );
}
