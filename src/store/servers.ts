import type pg from 'pg';
import { fatal, GatewayError } from '../core/errors.ts';
import { splitPostgresUrl, STORE_ATTRIBUTES } from '../core/postgres-url.ts';

/** Which of several servers will do. */
export type StoreAttributes = (typeof STORE_ATTRIBUTES)[number];

/**
 * The servers that a URL names, as libpq reads it: `postgres://user@a:1,b:2/db?target_session_attrs=read-write`. One of them is
 * where new connections go, until it turns out not to be there or not to be the one that takes changes. Shared by all connections of a store.
 */
export class StoreServers {
  /** One for each server; each may hold a password. */
  readonly urls: readonly string[];
  readonly attributes: StoreAttributes;
  #at = 0;

  constructor(url: string) {
    const { urls, attributes } = split(url);
    this.urls = urls;
    this.attributes = attributes;
  }

  /** Where new connections go. */
  get current(): number {
    return this.#at;
  }

  urlOf(server: number): string {
    return this.urls[server] ?? '';
  }

  /** New connections go to the next server, unless somebody else has already seen to that. */
  leave(server: number): void {
    if (server === this.#at) this.#at = (server + 1) % this.urls.length;
  }

  /** @throws GatewayError store.read_only when the server at the other end is none that will do */
  async demandFit(client: pg.ClientBase, timeoutMs: number): Promise<void> {
    if (this.attributes === 'any') return;
    const query = { text: UNFIT[this.attributes], query_timeout: timeoutMs };
    const { rows } = await client.query<{ unfit: boolean }>(query);
    if (rows[0]?.unfit === true) throw unfit();
  }
}

/** A standby is read-only, and so is a primary whose operator made it so. Compatible stores know the first question. */
const UNFIT = {
  'read-write': "select current_setting('transaction_read_only') = 'on' as unfit",
  primary: 'select pg_is_in_recovery() as unfit',
} as const;

function unfit(): GatewayError {
  return new GatewayError(
    'store.read_only',
    'the server takes no changes, and none was found that does (target_session_attrs)',
    fatal('57P03', 'logins are unavailable: the token store takes no changes at the moment'),
  );
}

/** One URL for each server, since the driver knows one only. A store needs a primary, so among several that is what is looked for. */
function split(url: string): { urls: readonly string[]; attributes: StoreAttributes } {
  const parts = splitPostgresUrl(url);
  const parameters = new URLSearchParams(parts?.query);
  const given = parameters.get('target_session_attrs');
  const places = placesOf(parts?.hosts ?? '', parameters);
  if (parts === null || (places.length === 1 && given === null)) return { urls: [url], attributes: 'any' };
  const head = parts.scheme + (parts.userInfo === null ? '' : `${parts.userInfo}@`);
  const path = parts.path === null ? '' : `/${parts.path}`;
  const urlTo = ({ authority: own, ...more }: Place): string => {
    const rest = new URLSearchParams({ ...Object.fromEntries(parameters), ...more });
    rest.delete('target_session_attrs');
    return `${head}${own}${path}${rest.size === 0 ? '' : `?${rest.toString()}`}`;
  };
  const attributes = STORE_ATTRIBUTES.find((name) => name === given) ?? 'read-write';
  return { urls: places.map(urlTo), attributes };
}

/** In front of the path, or as parameters. */
interface Place {
  readonly authority: string;
  readonly host?: string;
  readonly port?: string;
}

function placesOf(authority: string, parameters: URLSearchParams): readonly Place[] {
  const hosts = parameters.get('host')?.split(',') ?? [];
  if (hosts.length < 2) return authority.split(',').map((own) => ({ authority: own }));
  const ports = parameters.get('port')?.split(',') ?? [];
  return hosts.map((host, at) => {
    const port = ports[at] ?? ports[0];
    return { authority: '', host, ...(port !== undefined && { port }) };
  });
}
