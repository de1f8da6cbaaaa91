import { z } from '@hono/zod-openapi';
import type { HttpDeps } from '../deps.ts';
import { defined } from '../../core/defined.ts';
import { body, json, secured, type NativeRoutes } from './describe.ts';
import { ForceQuery, Limit, Policy, PolicyChange, PolicyPatch } from './schemas.ts';

const tags = ['policy'];
const History = z.object({ items: z.array(PolicyChange) }).openapi('PolicyHistory');
/** As many as the store counts. */
const Version = z.coerce.number().int().min(1).max(2_147_483_647);
const HistoryQuery = z.object({ limit: Limit, beforeVersion: Version.optional() });

/** `/api/v1/policy` */
export function policyRoutes(routes: NativeRoutes, { policy }: HttpDeps): void {
  const show = secured({
    method: 'get',
    path: '/api/v1/policy',
    tags,
    summary: 'The rules for tokens',
    responses: { 200: json(Policy, 'As it is.') },
  });
  routes.openapi(show, async (c) => c.json(Policy.parse(await policy.get()), 200));

  const set = secured({
    method: 'patch',
    path: '/api/v1/policy',
    tags,
    summary: 'Change rules ("admin"); what is left out stays',
    request: { query: ForceQuery, body: body(PolicyPatch) },
    responses: { 200: json(Policy, 'As it is now.') },
  });
  routes.openapi(set, async (c) => {
    const patch = defined(c.req.valid('json'));
    return c.json(Policy.parse(await policy.set(c.get('caller'), patch, c.req.valid('query'))), 200);
  });

  const history = secured({
    method: 'get',
    path: '/api/v1/policy/history',
    tags,
    summary: 'Changes of the rules, newest first ("manage all")',
    request: { query: HistoryQuery },
    responses: { 200: json(History, 'Who changed what.') },
  });
  routes.openapi(history, async (c) => {
    const changes = await policy.history(c.get('caller'), defined(c.req.valid('query')));
    return c.json({ items: changes.map((change) => PolicyChange.parse(change)) }, 200);
  });
}
