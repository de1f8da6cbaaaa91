import type { Actor } from '../accounts/actor.ts';
import type { TokenService } from '../tokens/service.ts';
import type { ListQuery, TokenView } from '../tokens/views.ts';

const PAGE = 1000;

/** Every token that the query matches, page by page: for interfaces without pages, and for exports. */
export async function* eachToken(
  tokens: TokenService,
  actor: Actor,
  query: Omit<ListQuery, 'limit' | 'cursor' | 'offset'>,
): AsyncGenerator<readonly TokenView[]> {
  let cursor: string | null = null;
  do {
    const page = await tokens.list(actor, { ...query, limit: PAGE, cursor });
    yield page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

/** The same as one array. */
export async function allTokens(...args: Parameters<typeof eachToken>): Promise<TokenView[]> {
  const all: TokenView[] = [];
  for await (const items of eachToken(...args)) all.push(...items);
  return all;
}
