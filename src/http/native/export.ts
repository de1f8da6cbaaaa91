import type { HttpDeps } from '../deps.ts';
import { csvAnswer } from '../token-csv.ts';
import { secured, type NativeRoutes } from './describe.ts';
import { listQuery, TokenFilter } from './token-requests.ts';

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
  routes.openapi(all, (c) => csvAnswer(c, tokens, c.get('caller'), listQuery(c.req.valid('query'))));
}
