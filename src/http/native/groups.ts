import { z } from '@hono/zod-openapi';
import type { HttpDeps } from '../deps.ts';
import { body, json, NO_CONTENT, secured, type NativeRoutes } from './describe.ts';
import { Grant, Grantee, Group, Privilege } from './schemas.ts';

const Name = z.string().min(1).max(250);
const GroupName = z.object({ group: Name });
const Member = z.object({ group: Name, user: Name });
const Groups = z.object({ items: z.array(Group) }).openapi('Groups');
const Grants = z.object({ items: z.array(Grant) }).openapi('Grants');
const OneGrant = z.strictObject({ privilege: Privilege, grantee: Grantee }).openapi('OneGrant');
const Holders = z.strictObject({ grantees: z.array(Grantee).max(1000) }).openapi('Holders');

/** `/api/v1/groups` */
export function groupRoutes(routes: NativeRoutes, { accounts }: HttpDeps): void {
  const tags = ['groups'];
  const list = secured({
    method: 'get',
    path: '/api/v1/groups',
    tags,
    summary: 'Groups with their members ("manage all")',
    responses: { 200: json(Groups, 'All groups.') },
  });
  routes.openapi(list, async (c) => {
    const groups = await accounts.listGroups(c.get('caller'));
    return c.json({ items: groups.map((group) => Group.parse(group)) }, 200);
  });

  const add = secured({
    method: 'post',
    path: '/api/v1/groups',
    tags,
    summary: 'Add a group ("admin")',
    request: { body: body(z.strictObject({ name: Name }).openapi('NewGroup')) },
    responses: { 201: json(Group, 'The new group.') },
  });
  routes.openapi(add, async (c) =>
    c.json(Group.parse(await accounts.addGroup(c.get('caller'), c.req.valid('json').name)), 201),
  );

  const remove = secured({
    method: 'delete',
    path: '/api/v1/groups/{group}',
    tags,
    summary: 'Remove a group ("admin")',
    request: { params: GroupName },
    responses: { 204: NO_CONTENT },
  });
  routes.openapi(remove, async (c) => {
    await accounts.removeGroup(c.get('caller'), c.req.valid('param').group);
    return c.body(null, 204);
  });

  const changes = [
    ['put', 'Put a user into a group ("admin")', 'addMember'],
    ['delete', 'Take a user out of a group ("admin")', 'removeMember'],
  ] as const;
  for (const [method, summary, change] of changes) {
    const path = '/api/v1/groups/{group}/members/{user}';
    const request = { params: Member };
    const route = secured({ method, path, tags, summary, request, responses: { 204: NO_CONTENT } });
    routes.openapi(route, async (c) => {
      const { group, user } = c.req.valid('param');
      await accounts[change](c.get('caller'), group, user);
      return c.body(null, 204);
    });
  }
}

/** `/api/v1/privileges` */
export function privilegeRoutes(routes: NativeRoutes, { accounts }: HttpDeps): void {
  const tags = ['privileges'];
  const list = secured({
    method: 'get',
    path: '/api/v1/privileges',
    tags,
    summary: 'Who was granted what ("manage all")',
    request: { query: z.object({ privilege: Privilege.optional() }) },
    responses: { 200: json(Grants, 'All grants.') },
  });
  routes.openapi(list, async (c) => {
    const grants = await accounts.listGrants(c.get('caller'), c.req.valid('query').privilege);
    return c.json({ items: grants.map((grant) => Grant.parse(grant)) }, 200);
  });

  const replace = secured({
    method: 'put',
    path: '/api/v1/privileges/{privilege}',
    tags,
    summary: 'Make the holders of a privilege exactly these ("admin")',
    request: { params: z.object({ privilege: Privilege }), body: body(Holders) },
    responses: { 204: NO_CONTENT },
  });
  routes.openapi(replace, async (c) => {
    const { grantees } = c.req.valid('json');
    await accounts.replaceGrants(c.get('caller'), c.req.valid('param').privilege, grantees);
    return c.body(null, 204);
  });

  for (const change of ['grant', 'ungrant'] as const) {
    const path = `/api/v1/privileges/${change}` as const;
    const summary = `${change === 'grant' ? 'Grant' : 'Take back'} a privilege ("admin")`;
    const request = { body: body(OneGrant) };
    const route = secured({ method: 'post', path, tags, summary, request, responses: { 204: NO_CONTENT } });
    routes.openapi(route, async (c) => {
      const { privilege, grantee } = c.req.valid('json');
      await accounts[change](c.get('caller'), privilege, grantee);
      return c.body(null, 204);
    });
  }
}
