import type { SessionRequest } from './engine-login.ts';

/**
 * Which sessions may take each other's place: of the same principal, on the same engine and database, as the same role, with
 * the same start-up parameters in the same order. A session keeps those as the values that RESET goes back to.
 */
export function poolKey(uid: string, request: SessionRequest): string {
  const { engine, database, role, parameters } = request;
  // NUL can be in none of the parts: they are protocol strings, or names of ours.
  const settings = parameters.flatMap(({ name, value }) => [name, value.toString('latin1')]);
  return [uid, engine.name, database, role, ...settings].join('\0');
}
