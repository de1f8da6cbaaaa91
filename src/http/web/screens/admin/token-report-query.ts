import { DAY_MS } from '../../../../core/duration.ts';
import type { ListQuery } from '../../../../tokens/views.ts';
import type { Form } from '../../form.ts';
import { endOfDay } from '../../ui/time.ts';
import { listParameters, serviceQuery, tokenList, type TokenList } from '../token-query.ts';

/** Ready-made questions, each about tokens that are neither revoked nor expired. */
export const QUICK = {
  inactive_owners: 'Inactive owners',
  no_expiry: 'No expiry',
  unused: 'Unused 90 days',
  expiring_soon: 'Expiring in 7 days',
} as const satisfies Record<NonNullable<ListQuery['quick']>, string>;

export type QuickName = keyof typeof QUICK;
export const QUICK_NAMES = Object.keys(QUICK) as readonly QuickName[];

export const DATES = [
  ['createdFrom', 'Created from'],
  ['createdTo', 'Created until'],
  ['expiresFrom', 'Expires from'],
  ['expiresTo', 'Expires until'],
  ['usedFrom', 'Last used from'],
  ['usedTo', 'Last used until'],
] as const;

type DateName = (typeof DATES)[number][0];

/** Which part of everyone's tokens is looked at; every field has a place in the address. */
export interface TokenReport {
  readonly list: TokenList;
  readonly quick: QuickName | null;
  /** Name, e-mail or uid. */
  readonly owner: string;
  /** As date fields hold them; empty: no limit. */
  readonly dates: Readonly<Record<DateName, string>>;
  readonly cursor: string | null;
}

/** Reads an address leniently: what makes no sense is as if it were not there. */
export function tokenReport(query: Form): TokenReport {
  const date = (name: DateName): string => (endOfDay(query.text(name)) === null ? '' : query.text(name));
  return {
    list: { ...tokenList(query), page: 1 },
    quick: QUICK_NAMES.find((one) => one === query.text('quick')) ?? null,
    owner: query.text('owner').slice(0, 250),
    dates: Object.fromEntries(DATES.map(([name]) => [name, date(name)])) as Record<DateName, string>,
    cursor: query.optional('cursor'),
  };
}

/** The parameters of an address that `tokenReport` reads the same report from, from its first page on. */
export function reportParameters({
  list,
  quick,
  owner,
  dates,
}: TokenReport): Record<string, string | number | null> {
  return { ...listParameters(list), quick, owner, ...dates };
}

/** How many filters are in use beside the search and the tabs. */
export function filtersUsed({ owner, dates }: TokenReport): number {
  return [owner, ...Object.values(dates)].filter((text) => text !== '').length;
}

/** For the service, without pages. @param owner uid of the owner asked for */
export function reportQuery({ list, quick, dates }: TokenReport, owner: string | null): ListQuery {
  const { states: _, ...rest } = serviceQuery(list);
  const start = (text: string) => new Date(`${text}T00:00:00Z`);
  const end = (text: string) => new Date(start(text).getTime() + DAY_MS);
  return {
    ...(quick === null ? serviceQuery(list) : { ...rest, quick }),
    ...(owner === null ? {} : { owner }),
    ...(dates.createdFrom === '' ? {} : { createdFrom: start(dates.createdFrom) }),
    ...(dates.createdTo === '' ? {} : { createdBefore: end(dates.createdTo) }),
    ...(dates.expiresFrom === '' ? {} : { expiresFrom: start(dates.expiresFrom) }),
    ...(dates.expiresTo === '' ? {} : { expiresBefore: end(dates.expiresTo) }),
    ...(dates.usedFrom === '' ? {} : { lastUsedFrom: start(dates.usedFrom) }),
    ...(dates.usedTo === '' ? {} : { lastUsedBefore: end(dates.usedTo) }),
  };
}
