import type { Hono } from 'hono';
import { z } from 'zod';
import type { UserReference } from '../../accounts/service.ts';
import { RequestError } from '../../core/errors.ts';
import type { TokenView } from '../../tokens/views.ts';
import { allTokens } from '../all-tokens.ts';
import { parseAs, readJson } from '../body.ts';
import { demandPrivilege } from '../../accounts/permission.ts';
import type { HttpDeps } from '../deps.ts';
import type { Caller, HttpEnv } from '../env.ts';
import { noToken, onToken } from './errors.ts';
import { EditToken, issueRequest, labelEdit, NewToken, tokenInfo, VALID } from './token-json.ts';

const BASE = '/api/2.0/token-management';

const Filters = z.object({
  created_by_id: z
    .string()
    .regex(/^\d{1,15}$/, 'must be an integer')
    .transform(Number)
    .optional(),
  created_by_username: z.string().min(1).optional(),
});

const OnBehalfOf = NewToken.extend({ application_id: z.string().min(1) });

/** The creator that both filters agree on: undefined without a filter, null when there is none such. */
async function creatorUid(
  { accounts }: HttpDeps,
  caller: Caller,
  filters: z.output<typeof Filters>,
): Promise<string | null | undefined> {
  const references: UserReference[] = [];
  if (filters.created_by_id !== undefined) references.push({ numericId: filters.created_by_id });
  if (filters.created_by_username !== undefined)
    references.push({ nameOrEmail: filters.created_by_username });
  if (references.length === 0) return undefined;
  const found = await Promise.all(references.map((reference) => accounts.findUser(caller, reference)));
  const uids = new Set(found.map((user) => user?.uid ?? null));
  const [uid = null] = uids;
  return uids.size === 1 ? uid : null;
}

/** `/api/2.0/token-management/*`: everybody's tokens, to *manage all*. */
export function tokenManagementRoutes(routes: Hono<HttpEnv>, deps: HttpDeps): void {
  const { tokens, accounts } = deps;

  const validToken = async (caller: Caller, id: string): Promise<TokenView> => {
    const token = await onToken(id, () => tokens.get(caller, id));
    if (!VALID.includes(token.state)) throw noToken(id);
    return token;
  };

  routes.use(`${BASE}/*`, async (c, next) => {
    demandPrivilege(c.get('caller'), 'manage_all');
    await next();
  });

  routes.get(`${BASE}/tokens`, async (c) => {
    const caller = c.get('caller');
    const createdBy = await creatorUid(deps, caller, parseAs(c.req.query(), Filters));
    if (createdBy === null) return c.json({ token_infos: [] });
    const filter = createdBy === undefined ? {} : { createdBy };
    const all = await allTokens(tokens, caller, { states: VALID, ...filter });
    return c.json({ token_infos: all.map(tokenInfo) });
  });

  routes.get(`${BASE}/tokens/:id`, async (c) =>
    c.json({ token_info: tokenInfo(await validToken(c.get('caller'), c.req.param('id'))) }),
  );

  routes.delete(`${BASE}/tokens/:id`, async (c) => {
    const id = c.req.param('id');
    await onToken(id, () => tokens.revoke(c.get('caller'), id));
    return c.json({});
  });

  routes.patch(`${BASE}/tokens/:id`, async (c) => {
    const caller = c.get('caller');
    const id = c.req.param('id');
    const edit = labelEdit(await readJson(c, EditToken));
    await validToken(caller, id);
    return c.json(tokenInfo(await onToken(id, () => tokens.edit(caller, id, edit))));
  });

  routes.post(`${BASE}/on-behalf-of/tokens`, async (c) => {
    const caller = c.get('caller');
    const request = await readJson(c, OnBehalfOf);
    const owner = await accounts.findUser(caller, { applicationId: request.application_id });
    if (owner === null) {
      const message = `Service principal with application ID ${request.application_id} does not exist.`;
      throw new RequestError('request.not_found', message);
    }
    const { token, info } = await tokens.issue(caller, { ...issueRequest(request), owner: owner.uid });
    return c.json({ token_value: token?.reveal(), token_info: tokenInfo(info) });
  });
}
