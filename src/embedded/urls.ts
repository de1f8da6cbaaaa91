import type { Secret } from '../core/secret.ts';
import type { Postmaster } from './postmaster.ts';

export interface UrlParts {
  readonly user: string;
  readonly password: Secret;
  readonly database: string;
}

/** `postgres://user:password@127.0.0.1:port/database` */
export function tcpUrl(server: Pick<Postmaster, 'port'>, parts: UrlParts): string {
  return url(parts, `127.0.0.1:${server.port}`);
}

/**
 * The same by Unix socket, with the directory percent-encoded as the host: the form that libpq, node's URL and `pg` all read.
 * By TCP where there are no Unix sockets.
 */
export function socketUrl(server: Pick<Postmaster, 'port' | 'socketDirectory'>, parts: UrlParts): string {
  if (server.socketDirectory === null) return tcpUrl(server, parts);
  return url(parts, `${encodeURIComponent(server.socketDirectory)}:${server.port}`);
}

function url(parts: UrlParts, authority: string): string {
  const user = encodeURIComponent(parts.user);
  const password = encodeURIComponent(parts.password.reveal());
  return `postgres://${user}:${password}@${authority}/${encodeURIComponent(parts.database)}`;
}
