import type { TokenStanding } from '../../../tokens/standing.ts';
import type { ListQuery, TokenSort } from '../../../tokens/views.ts';
import type { Form } from '../form.ts';

/** What tokens are divided into for people: those that may still come to life again count as active. */
export const VIEWS = {
  active: { name: 'Active', states: ['live', 'owner_disabled', 'no_privilege', 'tokens_off'] },
  expired: { name: 'Expired', states: ['expired'] },
  revoked: { name: 'Revoked', states: ['revoked'] },
} as const satisfies Record<string, { readonly name: string; readonly states: readonly TokenStanding[] }>;

export type ViewName = keyof typeof VIEWS;
export const VIEW_NAMES = Object.keys(VIEWS) as readonly ViewName[];

const SORTS = [
  'createdAt',
  'expiresAt',
  'lastUsedAt',
  'label',
  'owner',
] as const satisfies readonly TokenSort[];
const SIZES = [50, 200, 1000] as const;
const MOST_OFFSET = 100_000;

/** Which part of a list of tokens is looked at; every field has a place in the address. */
export interface TokenList {
  readonly view: ViewName;
  readonly search: string;
  readonly sort: TokenSort;
  readonly direction: 'asc' | 'desc';
  /** Counts from 1. */
  readonly page: number;
  readonly size: number;
}

/** Reads an address leniently: what makes no sense is as if it were not there. */
export function tokenList(query: Form): TokenList {
  const size = SIZES.find((one) => String(one) === query.text('size')) ?? SIZES[0];
  const page = /^[1-9]\d{0,5}$/.test(query.text('page')) ? Number(query.text('page')) : 1;
  return {
    view: VIEW_NAMES.find((one) => one === query.text('view')) ?? 'active',
    search: query.text('q').slice(0, 200),
    sort: SORTS.find((one) => one === query.text('sort')) ?? 'createdAt',
    direction: query.text('dir') === 'asc' ? 'asc' : 'desc',
    page: (page - 1) * size > MOST_OFFSET ? 1 : page,
    size,
  };
}

/** The parameters of an address that `tokenList` reads the same list from; defaults are left out. */
export function listParameters(list: TokenList): Record<string, string | number | null> {
  return {
    view: list.view === 'active' ? null : list.view,
    q: list.search,
    sort: list.sort === 'createdAt' ? null : list.sort,
    dir: list.direction === 'desc' ? null : list.direction,
    page: list.page === 1 ? null : list.page,
    size: list.size === SIZES[0] ? null : list.size,
  };
}

/** For the service, without the part that only names the page. */
export function serviceQuery({ view, search, sort, direction }: TokenList): ListQuery {
  return { states: VIEWS[view].states, search, sort, direction };
}
