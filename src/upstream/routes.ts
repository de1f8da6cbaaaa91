import type { Principal } from '../accounts/principal.ts';
import { fatal, GatewayError, RequestError } from '../core/errors.ts';
import { MAX_NAME_BYTES } from './identity.ts';
import type { Route } from './open.ts';

/** What routing needs to know of the engines, in the order of the configuration. */
export interface RoutedEngine {
  readonly name: string;
  readonly database: string;
}

export interface DatabaseTarget {
  readonly engine: string;
  /** Null: the database of the requested name. */
  readonly database: string | null;
}

export interface RouteOptions {
  /** By requested name; `*` stands for all others. */
  readonly databases: ReadonlyMap<string, DatabaseTarget>;
  /** Start-up user names that stand for whoever a token names: as database names they mean that none was asked for. */
  readonly tokenUsers: readonly string[];
}

export type Router = (requested: string | null, principal: Pick<Principal, 'defaultDatabase'>) => Route;

/**
 * Where requested database names lead.
 * @throws RequestError config.invalid for a target that names no engine
 */
export function createRouter(engines: readonly RoutedEngine[], options: RouteOptions): Router {
  const { databases, tokenUsers } = options;
  for (const [name, { engine }] of databases) {
    if (!engines.some((candidate) => candidate.name === engine)) {
      throw new RequestError(
        'config.invalid',
        `databases: "${name}" leads to engine "${engine}", which is not configured`,
      );
    }
  }
  const others = databases.get('*') ?? null;
  const home = homeOf(engines, others);

  return (requested, { defaultDatabase }) => {
    const name = wantedDatabase(requested, { defaultDatabase }, tokenUsers);
    if (name === null) return home;
    const target = (name === '*' ? null : databases.get(name)) ?? others;
    if (target === null || Buffer.byteLength(name) > MAX_NAME_BYTES) throw unknownDatabase(name);
    return { engine: target.engine, database: target.database ?? name, name };
  };
}

/** The database that a client means: the one it names, else its principal's default; null: neither. */
export function wantedDatabase(
  requested: string | null,
  { defaultDatabase }: Pick<Principal, 'defaultDatabase'>,
  tokenUsers: readonly string[],
): string | null {
  return named(requested, tokenUsers) ?? defaultDatabase;
}

/** For sessions that name no database, of principals who have no default. */
function homeOf(engines: readonly RoutedEngine[], others: DatabaseTarget | null): Route {
  const engine = engines.find(({ name }) => name === others?.engine) ?? engines[0];
  if (engine === undefined) throw new RequestError('config.invalid', 'no engine is configured');
  const database = others?.database ?? engine.database;
  return { engine: engine.name, database, name: database };
}

/** What was really asked for: clients that are given no database send the user name, `$token` or `$token.<tid>`. */
function named(requested: string | null, tokenUsers: readonly string[]): string | null {
  if (requested === null || requested === '') return null;
  const isTokenUser = tokenUsers.some((user) => {
    const rest = requested.startsWith(user) ? requested.slice(user.length) : null;
    return rest === '' || (rest !== null && /^\.[0-9a-f-]{8,36}$/i.test(rest));
  });
  return isTokenUser ? null : requested;
}

/** PostgreSQL's own words. */
function unknownDatabase(name: string): GatewayError {
  const message = `database "${name}" does not exist`;
  return new GatewayError('engine.no_such_database', message, fatal('3D000', message));
}
