import type { Page } from '../accounts/views.ts';

const PAGE_SIZE = 1000;

/**
 * Everything that a paged list has, or its first `most` items.
 * @param fetch gives one page
 */
export async function allPages<T>(
  fetch: (page: { limit: number; cursor: string | null }) => Promise<Page<T>>,
  most = Infinity,
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await fetch({ limit: Math.min(PAGE_SIZE, most - items.length), cursor });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && items.length < most);
  return items;
}
