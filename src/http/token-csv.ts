import type { Actor } from '../accounts/actor.ts';
import { csvLine, type CsvValue } from '../core/csv.ts';
import type { TokenService } from '../tokens/service.ts';
import type { ListQuery, TokenView } from '../tokens/views.ts';
import { eachToken } from './all-tokens.ts';
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

/** Every token that the query matches as a file to download (RFC 4180), safe to open in a spreadsheet. */
export async function csvAnswer(
  c: HttpContext,
  tokens: TokenService,
  actor: Actor,
  query: Omit<ListQuery, 'limit' | 'cursor' | 'offset'>,
): Promise<Response> {
  return c.body(await csvPages(eachToken(tokens, actor, query)), 200, {
    'content-type': 'text/csv; charset=utf-8; header=present',
    'content-disposition': 'attachment; filename="tokens.csv"',
  });
}

function rowOf(token: TokenView): string {
  return csvLine(COLUMNS.map((column): CsvValue => token[column]));
}

/** Lines in chunks of one page; the first page is there before the answer begins, so that it can still be refused. */
async function csvPages(pages: AsyncGenerator<readonly TokenView[]>): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  const encode = (items: readonly TokenView[] = []): Uint8Array => encoder.encode(items.map(rowOf).join(''));
  const first = await pages.next();
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(csvLine(COLUMNS)));
      if (first.done !== true) controller.enqueue(encode(first.value));
    },
    async pull(controller) {
      const next = await pages.next();
      if (next.done === true) controller.close();
      else controller.enqueue(encode(next.value));
    },
    async cancel() {
      await pages.return(undefined);
    },
  });
}
