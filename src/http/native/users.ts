import { z } from '@hono/zod-openapi';
import { Secret } from '../../core/secret.ts';
import type { UserView } from '../../accounts/views.ts';
import type { HttpDeps } from '../deps.ts';
import { body, json, NO_CONTENT, secured, type NativeRoutes } from './describe.ts';
import { defined } from '../../core/defined.ts';
import { Cursor, ForceQuery, Limit, Uid, User } from './schemas.ts';

const tags = ['users'];
const Params = z.object({ uid: Uid });
const UserPage = z.object({ items: z.array(User), nextCursor: z.string().nullable() }).openapi('UserPage');

const UserQuery = z.object({
  search: z.string().max(250).optional(),
  kind: z.enum(['person', 'service']).optional(),
  state: z.enum(['active', 'disabled', 'removed']).optional(),
  limit: Limit,
  cursor: Cursor,
});

const Name = z.string().max(250);
const details = {
  email: Name.nullable().optional(),
  displayName: Name.nullable().optional(),
  engineRole: Name.nullable().optional(),
  defaultDatabase: Name.nullable().optional(),
  databases: z.array(Name).max(100).nullable().optional(),
  networks: z
    .array(Name)
    .max(100)
    .nullable()
    .optional()
    .openapi({ description: 'Addresses or CIDR; null or empty: anywhere.' }),
};

const Password = z
  .string()
  .max(1000)
  .transform((text) => new Secret(text))
  .openapi({ type: 'string', format: 'password' });

const NewUser = z
  .strictObject({
    name: Name,
    kind: z.enum(['person', 'service']).optional(),
    password: Password.optional(),
    applicationId: z.guid().optional(),
    ...details,
  })
  .openapi('NewUser');

const UserPatch = z.strictObject(details).openapi('UserPatch');

function userJson(view: UserView): z.output<typeof User> {
  return User.parse(view);
}

function readRoutes(routes: NativeRoutes, { accounts }: HttpDeps): void {
  const list = secured({
    method: 'get',
    path: '/api/v1/users',
    tags,
    summary: 'Users ("manage all")',
    request: { query: UserQuery },
    responses: { 200: json(UserPage, 'One page.') },
  });
  routes.openapi(list, async (c) => {
    const { state, ...query } = c.req.valid('query');
    const states = state === undefined ? undefined : [state];
    const page = await accounts.listUsers(c.get('caller'), defined({ ...query, states }));
    return c.json({ items: page.items.map(userJson), nextCursor: page.nextCursor }, 200);
  });

  const show = secured({
    method: 'get',
    path: '/api/v1/users/{uid}',
    tags,
    summary: 'One user: oneself, or anyone with "manage all"',
    request: { params: Params },
    responses: { 200: json(User, 'The user.') },
  });
  routes.openapi(show, async (c) =>
    c.json(userJson(await accounts.getUser(c.get('caller'), c.req.valid('param'))), 200),
  );
}

function writeRoutes(routes: NativeRoutes, { accounts }: HttpDeps): void {
  const add = secured({
    method: 'post',
    path: '/api/v1/users',
    tags,
    summary: 'Add a user ("admin")',
    request: { body: body(NewUser) },
    responses: { 201: json(User, 'The new user.') },
  });
  routes.openapi(add, async (c) =>
    c.json(userJson(await accounts.addUser(c.get('caller'), defined(c.req.valid('json')))), 201),
  );

  const set = secured({
    method: 'patch',
    path: '/api/v1/users/{uid}',
    tags,
    summary: 'Change a user ("admin")',
    request: { params: Params, query: ForceQuery, body: body(UserPatch) },
    responses: { 200: json(User, 'As it is now.') },
  });
  routes.openapi(set, async (c) => {
    const patch = defined(c.req.valid('json'));
    const { uid } = c.req.valid('param');
    const user = await accounts.setUser(c.get('caller'), uid, patch, c.req.valid('query'));
    return c.json(userJson(user), 200);
  });

  const setPassword = secured({
    method: 'put',
    path: '/api/v1/users/{uid}/password',
    tags,
    summary: 'Set a password: one’s own, or anyone’s ("admin")',
    request: { params: Params, body: body(z.strictObject({ password: Password }).openapi('NewPassword')) },
    responses: { 204: NO_CONTENT },
  });
  routes.openapi(setPassword, async (c) => {
    await accounts.setPassword(c.get('caller'), c.req.valid('param').uid, c.req.valid('json').password);
    return c.body(null, 204);
  });
}

function stateRoutes(routes: NativeRoutes, { accounts }: HttpDeps): void {
  const changes = [
    [
      'post',
      '/api/v1/users/{uid}/disable',
      'Disable a user; their live sessions close ("admin")',
      'disableUser',
    ],
    ['post', '/api/v1/users/{uid}/enable', 'Enable a user again ("admin")', 'enableUser'],
    ['delete', '/api/v1/users/{uid}', 'Remove a user; their tokens stay visible ("admin")', 'removeUser'],
  ] as const;
  for (const [method, path, summary, change] of changes) {
    const route = secured({
      method,
      path,
      tags,
      summary,
      request: { params: Params },
      responses: { 200: json(User, 'As it is now.') },
    });
    routes.openapi(route, async (c) =>
      c.json(userJson(await accounts[change](c.get('caller'), c.req.valid('param').uid)), 200),
    );
  }
}

/** `/api/v1/users` */
export function userRoutes(routes: NativeRoutes, deps: HttpDeps): void {
  readRoutes(routes, deps);
  writeRoutes(routes, deps);
  stateRoutes(routes, deps);
}
