import ipaddr from 'ipaddr.js';
import { SCOPES, type Scope } from '../accounts/actor.ts';
import { checkNetwork } from '../accounts/network-rules.ts';
import { RequestError } from '../core/errors.ts';

/** What a token restricts its sessions to. */
export interface Limits {
  readonly role: string | null;
  readonly databases: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly maxSessions: number | null;
  readonly scopes: readonly string[];
}

/** Limits as asked for: what is left out is decided by others. */
export type LimitsRequest = {
  readonly role?: string | null;
  readonly databases?: readonly string[] | null;
  readonly networks?: readonly string[] | null;
  readonly maxSessions?: number | null;
  readonly scopes?: readonly Scope[];
};

const LONGEST_NAME_BYTES = 63;
const MOST_ENTRIES = 100;
const MOST_SESSIONS = 100_000;

/**
 * Checks limits and brings them into their canonical form.
 * @throws RequestError request.invalid
 */
export function checkLimits(request: LimitsRequest): Limits {
  const { role = null, databases = null, networks = null, maxSessions = null, scopes = [] } = request;
  if (role !== null) checkName('role', role);
  databases?.forEach((database) => checkName('database', database));
  if (
    maxSessions !== null &&
    !(Number.isInteger(maxSessions) && maxSessions >= 1 && maxSessions <= MOST_SESSIONS)
  ) {
    throw invalid(
      'maxSessions',
      `The maximum of sessions must be a whole number from 1 to ${MOST_SESSIONS}.`,
    );
  }
  return {
    role,
    databases: entries('database', databases),
    networks: entries('network', networks?.map(checkNetwork) ?? null),
    maxSessions,
    scopes: [...new Set(scopes.map(checkScope))],
  };
}

/**
 * Limits of a token that is made by way of another one: what was asked for, and the other's where nothing was.
 * @throws RequestError request.forbidden, when more was asked for than the other token has
 */
export function narrow(asked: Limits, parent: Limits): Limits {
  const limits = {
    role: asked.role ?? parent.role,
    databases: asked.databases ?? parent.databases,
    networks: asked.networks ?? parent.networks,
    maxSessions: asked.maxSessions ?? parent.maxSessions,
    scopes: asked.scopes,
  };
  demandNoWider(limits, parent);
  return limits;
}

/** @throws RequestError request.forbidden, when `limits` allow anything that the parent does not */
export function demandNoWider(limits: Limits, parent: Limits): void {
  if (parent.role !== null && limits.role !== parent.role) throw tooWide('role');
  if (!isWithin(limits.databases, parent.databases, (one, other) => one === other))
    throw tooWide('databases');
  if (!isWithin(limits.networks, parent.networks, isSubnet)) throw tooWide('networks');
  const cap = parent.maxSessions;
  if (cap !== null && (limits.maxSessions === null || limits.maxSessions > cap))
    throw tooWide('maxSessions', 'number of sessions');
  if (!limits.scopes.every((scope) => parent.scopes.includes(scope))) throw tooWide('scopes');
}

/** Null is everything. */
function isWithin(
  limits: readonly string[] | null,
  parent: readonly string[] | null,
  fits: (one: string, other: string) => boolean,
): boolean {
  if (parent === null) return true;
  return limits?.every((one) => parent.some((other) => fits(one, other))) ?? false;
}

function isSubnet(inner: string, outer: string): boolean {
  const [address, bits] = ipaddr.parseCIDR(inner);
  const [outerAddress, outerBits] = ipaddr.parseCIDR(outer);
  return (
    address.kind() === outerAddress.kind() && bits >= outerBits && address.match(outerAddress, outerBits)
  );
}

function checkName(what: 'role' | 'database', name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes >= 1 && bytes <= LONGEST_NAME_BYTES && !name.includes('\0')) return;
  throw invalid(
    what === 'role' ? what : 'databases',
    `The name of a ${what} has 1 to ${LONGEST_NAME_BYTES} bytes.`,
  );
}

function checkScope(scope: string): string {
  if ((SCOPES as readonly string[]).includes(scope)) return scope;
  throw invalid('scopes', `There is no scope "${scope.slice(0, 60)}"; scopes are: ${SCOPES.join(', ')}.`);
}

function entries(what: 'database' | 'network', list: readonly string[] | null): readonly string[] | null {
  if (list === null) return null;
  if (list.length === 0)
    throw invalid(`${what}s`, `An empty list of ${what}s would allow none; leave it out to allow all.`);
  if (list.length > MOST_ENTRIES) throw invalid(`${what}s`, `At most ${MOST_ENTRIES} ${what}s can be named.`);
  return [...new Set(list)];
}

function tooWide(field: keyof Limits, what: string = field): RequestError {
  return new RequestError(
    'request.forbidden',
    `The token that this request came with allows no such ${what}, so it cannot give them to another.`,
    { field },
  );
}

function invalid(field: keyof Limits, message: string): RequestError {
  return new RequestError('request.invalid', message, { field });
}
