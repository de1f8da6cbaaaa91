import type { TokenView } from '../../tokens/views.ts';
import { eachToken } from '../all-tokens.ts';
import { csvLine, type CsvValue } from '../../core/csv.ts';
import type { HttpDeps } from '../deps.ts';
import { secured, type NativeRoutes } from './describe.ts';
import { listQuery, TokenFilter } from './token-requests.ts';

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

/** `/api/v1/tokens.csv`: the list without pages, safe to open in a spreadsheet. */
export function exportRoutes(routes: NativeRoutes, { tokens }: HttpDeps): void {
  const all = secured({
    method: 'get',
    path: '/api/v1/tokens.csv',
    tags: ['tokens'],
    summary: 'Tokens as CSV (RFC 4180), safe to open in a spreadsheet',
    request: { query: TokenFilter },
    responses: { 200: { description: 'One line a token.', content: { 'text/csv': {} } } },
  });
  routes.openapi(all, async (c) => {
    const query = listQuery(c.req.valid('query'));
    const stream = await csvPages(eachToken(tokens, c.get('caller'), query));
    return c.body(stream, 200, {
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="tokens.csv"',
    });
  });
}
