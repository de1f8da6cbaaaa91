import type { Hono, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { RequestError } from '../../core/errors.ts';
import { allTokens } from '../all-tokens.ts';
import { readJson } from '../body.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpEnv } from '../env.ts';
import { onToken } from './errors.ts';
import { EditToken, issueRequest, labelEdit, NewToken, publicTokenInfo } from './token-json.ts';

/** There, the whole API is shut while tokens are off, and to people who may not use them. */
function usable({ policy }: HttpDeps): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (!(await policy.get()).tokensEnabled) {
      throw new RequestError('policy.tokens_off', 'Tokens are switched off.');
    }
    if (!c.get('caller').privileges.has('can_use')) {
      throw new RequestError('policy.no_privilege', 'The user may not use tokens.');
    }
    await next();
  };
}

/** `/api/2.0/token/*`: one's own tokens. */
export function tokenRoutes(routes: Hono<HttpEnv>, deps: HttpDeps): void {
  const { tokens } = deps;
  routes.use('/api/2.0/token/*', usable(deps));

  routes.post('/api/2.0/token/create', async (c) => {
    const { token, info } = await tokens.issue(c.get('caller'), issueRequest(await readJson(c, NewToken)));
    return c.json({ token_value: token?.reveal(), token_info: publicTokenInfo(info) });
  });

  routes.get('/api/2.0/token/list', async (c) => {
    const caller = c.get('caller');
    const own = await allTokens(tokens, caller, { owner: caller.uid, states: ['live'] });
    return c.json({ token_infos: own.map(publicTokenInfo) });
  });

  routes.post('/api/2.0/token/delete', async (c) => {
    const { token_id: id } = await readJson(c, z.object({ token_id: z.string().min(1) }));
    await onToken(id, () => tokens.revoke(c.get('caller'), id));
    return c.json({});
  });

  routes.patch('/api/2.0/token/:id', async (c) => {
    const id = c.req.param('id');
    const edit = labelEdit(await readJson(c, EditToken));
    await onToken(id, () => tokens.edit(c.get('caller'), id, edit));
    return c.json({});
  });
}
