import { isIP } from 'node:net';
import { RequestError } from '../core/errors.ts';
import { splitPostgresUrl } from '../core/postgres-url.ts';
import { Secret } from '../core/secret.ts';

export const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

export const CHANNEL_BINDINGS = ['disable', 'prefer', 'require'] as const;
export type ChannelBinding = (typeof CHANNEL_BINDINGS)[number];

export const SESSION_ATTRIBUTES = ['any', 'read-write', 'read-only', 'primary', 'standby'] as const;
/** Which of several servers will do, as libpq's target_session_attrs. */
export type SessionAttributes = (typeof SESSION_ATTRIBUTES)[number];

const SSL_NEGOTIATIONS = ['postgres', 'direct'] as const;

/** One server: a TCP address, or the path of a Unix socket. */
export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

/** What a connection URL says, with libpq's names and meanings; null where it says nothing. */
export interface ConnectionUrl {
  readonly targets: readonly Target[];
  readonly user: string | null;
  readonly password: Secret | null;
  readonly database: string | null;
  readonly sslMode: SslMode | null;
  /** A file, or `system` for the roots that come with Node. */
  readonly sslRootCert: string | null;
  readonly sslCert: string | null;
  readonly sslKey: string | null;
  readonly directTls: boolean;
  readonly channelBinding: ChannelBinding;
  readonly sessionAttributes: SessionAttributes;
  readonly connectTimeoutMs: number | null;
}

const DEFAULT_PORT = 5432;
const DEFAULT_HOST = 'localhost';

/** Parameters that may stand behind the question mark. */
const PARAMETERS = new Set([
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'channel_binding',
  'target_session_attrs',
  'connect_timeout',
]);

/**
 * Reads `postgres://user:password@host:port,host2:port/database?sslmode=…`, as libpq does.
 * @param what names the setting in error messages, which never repeat the URL: it may hold a password
 * @throws RequestError config.invalid
 */
export function parseConnectionUrl(url: Secret, what: string): ConnectionUrl {
  const split = splitPostgresUrl(url.reveal());
  if (split === null) throw invalid(what, 'is not of the form postgres://user:password@host:port/database');
  const extra = parseQuery(split.query, what);
  const [user = '', ...password] = (split.userInfo ?? '').split(':');
  const text = (name: string, fallback: string): string | null =>
    extra.get(name) ?? (fallback === '' ? null : fallback);
  const secret = text('password', decode(password.join(':'), what));
  return {
    targets: parseTargets(split.hosts, extra, what),
    user: text('user', decode(user, what)),
    password: secret === null ? null : new Secret(secret),
    database: text('dbname', decode(split.path ?? '', what)),
    sslMode: oneOf(SSL_MODES, extra.get('sslmode'), 'sslmode', what),
    sslRootCert: extra.get('sslrootcert') ?? null,
    sslCert: extra.get('sslcert') ?? null,
    sslKey: extra.get('sslkey') ?? null,
    directTls: oneOf(SSL_NEGOTIATIONS, extra.get('sslnegotiation'), 'sslnegotiation', what) === 'direct',
    channelBinding:
      oneOf(CHANNEL_BINDINGS, extra.get('channel_binding'), 'channel_binding', what) ?? 'prefer',
    sessionAttributes:
      oneOf(SESSION_ATTRIBUTES, extra.get('target_session_attrs'), 'target_session_attrs', what) ?? 'any',
    connectTimeoutMs: parseSeconds(extra.get('connect_timeout'), what),
  };
}

function invalid(what: string, problem: string): RequestError {
  return new RequestError('config.invalid', `${what} ${problem}`);
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(what, 'has a % that is not followed by two hexadecimal digits of UTF-8');
  }
}

function parseQuery(query: string, what: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const part of query.split('&').filter((piece) => piece !== '')) {
    const equals = part.indexOf('=');
    if (equals < 0) throw invalid(what, 'has a parameter without a value');
    const name = decode(part.slice(0, equals), what);
    // Anyone may put a password behind the question mark under a wrong name: the name is all that is repeated.
    if (!PARAMETERS.has(name)) throw invalid(what, `has a parameter that is not known: ${name}`);
    pairs.set(name, decode(part.slice(equals + 1), what));
  }
  return pairs;
}

function parseTargets(authority: string, extra: ReadonlyMap<string, string>, what: string): Target[] {
  const inUrl = authority === '' ? [] : authority.split(',').map((spec) => splitHostPort(spec, what));
  const hosts = extra.get('host')?.split(',') ?? inUrl.map(({ host }) => host);
  const ports = extra.get('port')?.split(',') ?? inUrl.map(({ port }) => port);
  if (hosts.length === 0) hosts.push('');
  if (ports.length > 1 && ports.length !== hosts.length)
    throw invalid(what, `names ${hosts.length} hosts and ${ports.length} ports`);
  return hosts.map((host, at) =>
    target(host || DEFAULT_HOST, parsePort((ports.length > 1 ? ports[at] : ports[0]) ?? '', what)),
  );
}

function splitHostPort(spec: string, what: string): { host: string; port: string } {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(spec);
  if (match === null)
    throw invalid(what, 'has a host that can not be read; IPv6 addresses stand in brackets');
  const [, bracketed, plain = '', port = ''] = match;
  if (bracketed !== undefined && isIP(bracketed) !== 6)
    throw invalid(what, 'has brackets around no IPv6 address');
  return { host: bracketed ?? decode(plain, what), port };
}

function parsePort(text: string, what: string): number {
  if (text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw invalid(what, 'has a port outside 1 to 65535');
  return port;
}

/** A host that begins with a slash is the directory of a Unix socket, as in libpq. */
function target(host: string, port: number): Target {
  return host.startsWith('/') ? { path: `${host.replace(/\/+$/, '')}/.s.PGSQL.${port}` } : { host, port };
}

function oneOf<T extends string>(
  values: readonly T[],
  text: string | undefined,
  name: string,
  what: string,
): T | null {
  if (text === undefined) return null;
  const found = values.find((value) => value === text);
  if (found === undefined) throw invalid(what, `has a ${name} that is none of ${values.join(', ')}`);
  return found;
}

function parseSeconds(text: string | undefined, what: string): number | null {
  if (text === undefined) return null;
  if (!/^\d+$/.test(text)) throw invalid(what, 'has a connect_timeout that is no number of seconds');
  const seconds = Number(text);
  return seconds === 0 ? null : seconds * 1000;
}
