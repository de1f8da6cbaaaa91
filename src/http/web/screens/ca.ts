import { readFile } from 'node:fs/promises';
import type { Hono } from 'hono';
import { RequestError } from '../../../core/errors.ts';
import type { HttpEnv } from '../../env.ts';
import { CA_FILE } from '../recipes.ts';
import type { Web } from '../web.ts';

/** `/ca.crt`: what clients need to check the server; no secret, so anyone may fetch it. */
export function caDownload(routes: Hono<HttpEnv>, { deps }: Web): void {
  routes.get('/ca.crt', async (c) => {
    const caFile = deps.gateway.caFile();
    if (caFile === null) {
      throw new RequestError(
        'request.not_found',
        'The operator has named no CA certificate for clients (tls.ca_file).',
      );
    }
    return c.body(await readFile(caFile, 'utf8'), 200, {
      'content-type': 'application/x-pem-file',
      'content-disposition': `attachment; filename="${CA_FILE}"`,
    });
  });
}
