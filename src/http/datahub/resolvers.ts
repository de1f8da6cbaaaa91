import type { UserView } from '../../accounts/views.ts';
import { DAY_MS, HOUR_MS } from '../../core/duration.ts';
import { RequestError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Lifetime } from '../../tokens/service.ts';
import type { TokenStanding } from '../../tokens/standing.ts';
import type { ListQuery, TokenView } from '../../tokens/views.ts';
import { demandPrivilege } from '../../accounts/permission.ts';
import type { HttpDeps } from '../deps.ts';
import type { Caller } from '../env.ts';

type Deps = Pick<HttpDeps, 'tokens' | 'accounts'>;

const USER_URN = 'urn:li:corpuser:';
const TOKEN_URN = 'urn:li:dataHubAccessToken:';
const DEFAULT_COUNT = 10;
const MAX_COUNT = 1000;

/** Expired tokens stay in the list, revoked ones do not. */
const LISTED: readonly TokenStanding[] = ['live', 'expired', 'owner_disabled', 'no_privilege', 'tokens_off'];

const LIFETIMES = {
  ONE_HOUR: { ms: HOUR_MS },
  ONE_DAY: { ms: DAY_MS },
  ONE_WEEK: { ms: 7 * DAY_MS },
  ONE_MONTH: { ms: 30 * DAY_MS },
  THREE_MONTHS: { ms: 90 * DAY_MS },
  SIX_MONTHS: { ms: 180 * DAY_MS },
  ONE_YEAR: { ms: 365 * DAY_MS },
  NO_EXPIRY: 'never',
} as const satisfies Record<string, Lifetime>;

export interface CreateInput {
  readonly type: 'PERSONAL' | 'SERVICE_ACCOUNT';
  readonly actorUrn: string;
  readonly duration: keyof typeof LIFETIMES;
  readonly name: string;
  readonly description?: string | null;
}

export interface ListInput {
  readonly start?: number | null;
  readonly count?: number | null;
  readonly filters?: readonly Filter[] | null;
}

interface Filter {
  readonly field: string;
  readonly value?: string | null;
  readonly values?: readonly string[] | null;
}

export interface Metadata {
  readonly urn: string;
  readonly type: 'ACCESS_TOKEN';
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly actorUrn: string;
  readonly ownerUrn: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

function metadata(token: TokenView): Metadata {
  const { datahubId, label, description, owner, creator, createdAt, expiresAt } = token;
  return {
    urn: TOKEN_URN + datahubId,
    type: 'ACCESS_TOKEN',
    id: datahubId,
    name: label,
    description,
    actorUrn: USER_URN + owner,
    ownerUrn: USER_URN + creator,
    createdAt: createdAt.getTime(),
    expiresAt: expiresAt?.getTime() ?? null,
  };
}

function invalid(message: string): RequestError {
  return new RequestError('request.invalid', message);
}

function nameOf(urn: string): string {
  const name = urn.startsWith(USER_URN) ? urn.slice(USER_URN.length) : '';
  if (name === '') throw invalid(`${JSON.stringify(urn)} is not a user URN (${USER_URN}NAME).`);
  return name;
}

/** @throws RequestError request.forbidden for anyone but oneself, unless one manages all; request.not_found */
function userOf({ accounts }: Deps, caller: Caller, urn: string): Promise<UserView> {
  const name = nameOf(urn);
  if (name === caller.name) return accounts.getUser(caller, { uid: caller.uid });
  demandPrivilege(caller, 'manage_all');
  return accounts.getUser(caller, { name });
}

function wholeNumber(value: number | null | undefined, fallback: number, max: number, name: string): number {
  const number = value ?? fallback;
  if (number < 0 || number > max) throw invalid(`${name} must be from 0 to ${max}.`);
  return number;
}

/** The filters as a query; those that exclude each other match nothing. */
async function queryOf(deps: Deps, caller: Caller, filters: readonly Filter[]): Promise<ListQuery | null> {
  const query: { owner?: string; createdBy?: string } = {};
  for (const { field, value, values } of filters) {
    const [urn, ...more] = values ?? (typeof value === 'string' ? [value] : []);
    if (urn === undefined || more.length > 0) throw invalid(`The filter ${field} needs exactly one value.`);
    if (field !== 'ownerUrn' && field !== 'actorUrn') throw invalid(`No filter ${JSON.stringify(field)}.`);
    const { uid } = await userOf(deps, caller, urn);
    const key = field === 'ownerUrn' ? 'createdBy' : 'owner';
    if ((query[key] ?? uid) !== uid) return null;
    query[key] = uid;
  }
  return query;
}

/** The four operations; each throws what its service throws. */
export interface Operations {
  create(caller: Caller, input: CreateInput): Promise<{ accessToken: string; metadata: Metadata }>;
  list(
    caller: Caller,
    input: ListInput,
  ): Promise<{ start: number; count: number; total: number; tokens: Metadata[] }>;
  revoke(caller: Caller, id: string): Promise<true>;
  describe(caller: Caller, raw: string): Promise<Metadata>;
}

export function operations(deps: Deps): Operations {
  const { tokens } = deps;
  return {
    async create(caller, { type, actorUrn, duration, name, description = null }) {
      const owner = await userOf(deps, caller, actorUrn);
      if ((owner.kind === 'service') !== (type === 'SERVICE_ACCOUNT')) {
        throw invalid(`${actorUrn} is no ${type === 'PERSONAL' ? 'person' : 'service account'}.`);
      }
      const request = { owner: owner.uid, label: name, description, lifetime: LIFETIMES[duration] };
      const { token, info } = await tokens.issue(caller, request);
      return { accessToken: token?.reveal() ?? '', metadata: metadata(info) };
    },

    async list(caller, input) {
      const start = wholeNumber(input.start, 0, 100_000, 'start');
      const limit = wholeNumber(input.count, DEFAULT_COUNT, MAX_COUNT, 'count');
      const query = await queryOf(deps, caller, input.filters ?? []);
      if (query === null) return { start, count: 0, total: 0, tokens: [] };
      const filtered: ListQuery = { ...query, states: LISTED };
      const total = await tokens.count(caller, filtered);
      if (limit === 0) return { start, count: 0, total, tokens: [] };
      const order = { sort: 'expiresAt', direction: 'desc', offset: start, limit } as const;
      const { items } = await tokens.list(caller, { ...filtered, ...order });
      return { start, count: items.length, total, tokens: items.map(metadata) };
    },

    async revoke(caller, id) {
      await tokens.revoke(caller, id);
      return true;
    },

    async describe(caller, raw) {
      const token = await tokens.lookup(caller, new Secret(raw));
      if (token === null) throw new RequestError('request.not_found', 'No such access token.');
      return metadata(token);
    },
  };
}
