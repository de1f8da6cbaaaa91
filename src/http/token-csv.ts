import type { Actor } from '../accounts/actor.ts';
import type { TokenService } from '../tokens/service.ts';
import type { ListQuery, TokenView } from '../tokens/views.ts';
import { eachToken } from './all-tokens.ts';
import { csvDownload, type CsvFile } from './csv-download.ts';
import type { HttpContext } from './env.ts';

const COLUMNS = [
  'tid',
  'owner',
  'creator',
  'kind',
  'label',
  'description',
  'prefix',
  'state',
  'createdAt',
  'expiresAt',
  'lastUsedAt',
  'lastUsedFrom',
  'lastUsedApplication',
  'role',
  'databases',
  'networks',
  'maxSessions',
  'scopes',
  'revokedAt',
  'revokeReason',
  'rotatedFrom',
  'rotatedTo',
] as const satisfies readonly (keyof TokenView)[];

type AllQuery = Omit<ListQuery, 'limit' | 'cursor' | 'offset'>;

/** Every token that the query matches as a file to download, safe to open in a spreadsheet. */
export function csvAnswer(
  c: HttpContext,
  tokens: TokenService,
  actor: Actor,
  query: AllQuery,
): Promise<Response> {
  return csvDownload(c, { name: 'tokens.csv', columns: COLUMNS, pages: pagesOf(tokens, actor, query) });
}

async function* pagesOf(tokens: TokenService, actor: Actor, query: AllQuery): CsvFile['pages'] {
  for await (const items of eachToken(tokens, actor, query)) {
    yield items.map((token) => COLUMNS.map((column) => token[column]));
  }
}
