import { z } from '@hono/zod-openapi';
import type { HttpDeps } from '../deps.ts';
import { json, secured, type NativeRoutes } from './describe.ts';
import { Privilege, User } from './schemas.ts';

const Me = z
  .object({
    user: User,
    privileges: z.array(Privilege).openapi({ description: 'By this credential.' }),
    via: z.enum(['password', 'token', 'session', 'oauth', 'cli', 'system']),
    tid: z.guid().nullable().openapi({ description: 'The token behind this credential.' }),
    scopes: z.array(z.string()),
  })
  .openapi('Me');

/** `/api/v1/me` */
export function meRoutes(routes: NativeRoutes, { accounts }: HttpDeps): void {
  const me = secured({
    method: 'get',
    path: '/api/v1/me',
    tags: ['me'],
    summary: 'Who the caller is, and by what right',
    responses: { 200: json(Me, 'The caller.') },
  });
  routes.openapi(me, async (c) => {
    const { uid, privileges, via, tid, scopes } = c.get('caller');
    const user = User.parse(await accounts.getUser(c.get('caller'), { uid }));
    return c.json({ user, privileges: [...privileges], via, tid, scopes: [...scopes] }, 200);
  });
}
