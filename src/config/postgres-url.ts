import { splitPostgresUrl } from '../core/postgres-url.ts';
import { Secret } from '../core/secret.ts';

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/**
 * What is plainly wrong with a URL; whoever connects looks closer.
 * @returns the end of a sentence that repeats nothing of the URL, or null
 */
export function problemOfPostgresUrl(url: string): string | null {
  const split = splitPostgresUrl(url);
  if (split === null) return 'is not a URL of the form postgres://USER@HOST:PORT/DATABASE';
  const parameters = new URLSearchParams(split.query);
  if (split.hosts === '' && !parameters.has('host')) return 'names no host';
  const count = (name: string): number => parameters.get(name)?.split(',').length ?? 0;
  const [hostCount, portCount] = [count('host'), count('port')] as const;
  if (hostCount > 0 && portCount > 1 && portCount !== hostCount) {
    return `names ${hostCount} hosts and ${portCount} ports`;
  }
  const mode = parameters.get('sslmode');
  return mode === null || SSL_MODES.includes(mode) ? null : `sslmode is not one of ${SSL_MODES.join(', ')}`;
}

/** @returns the value of a parameter behind the question mark, or null */
export function parameterOf(url: string, name: string): string | null {
  return new URLSearchParams(splitPostgresUrl(url)?.query).get(name);
}

export function holdsPassword(url: string): boolean {
  const split = splitPostgresUrl(url);
  return split?.userInfo?.includes(':') === true || new URLSearchParams(split?.query).has('password');
}

/** The URL with that password in place of its own. */
export function withPassword(url: Secret, password: Secret): Secret {
  const split = splitPostgresUrl(url.reveal());
  if (split === null) return url;
  const { scheme, userInfo, hosts, path, query } = split;
  const parameters = new URLSearchParams(query);
  parameters.delete('password');
  const encoded = encodeURIComponent(password.reveal());
  const [user] = userInfo?.split(':') ?? [];
  // A password needs a user before it; where the user is a parameter, so is the password.
  const credentials = user === undefined || user === '' ? '' : `${user}:${encoded}@`;
  const others = [...parameters].map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  if (credentials === '') others.push(`password=${encoded}`);
  const tail = (path === null ? '' : `/${path}`) + (others.length === 0 ? '' : `?${others.join('&')}`);
  return new Secret(`${scheme}${credentials}${hosts}${tail}`);
}
