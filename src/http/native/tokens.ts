import { z } from '@hono/zod-openapi';
import type { Issued } from '../../tokens/service.ts';
import type { TokenView } from '../../tokens/views.ts';
import type { HttpDeps } from '../deps.ts';
import { body, json, NO_CONTENT, optionalBody, parameter, secured, type NativeRoutes } from './describe.ts';
import { Token, Uid } from './schemas.ts';
import { defined } from '../../core/defined.ts';
import {
  IdempotencyKey,
  listQuery,
  NewToken,
  Reason,
  Revocation,
  Rotation,
  TokenEdit,
  TokenQuery,
} from './token-requests.ts';

const Tid = parameter('tid', 'A tid, or one of its aliases databricksId and datahubId.');
const TokenPage = z.object({ items: z.array(Token), nextCursor: z.string().nullable() }).openapi('TokenPage');
const NewlyIssued = z
  .object({
    token: z
      .string()
      .nullable()
      .openapi({ description: 'The secret: shown this once. Null for a repeated request.' }),
    info: Token,
  })
  .openapi('IssuedToken');
const Count = z.object({ revoked: z.number().int() }).openapi('RevokedCount');
const tags = ['tokens'];

function tokenJson(view: TokenView): z.output<typeof Token> {
  return Token.parse(view);
}

function issuedJson({ token, info }: Issued): z.output<typeof NewlyIssued> {
  return { token: token?.reveal() ?? null, info: tokenJson(info) };
}

/** Retried requests with the same Idempotency-Key are told apart by 200 instead of 201. */
function statusOf({ token }: Issued): 200 | 201 {
  return token === null ? 200 : 201;
}

function keyOf(header: string | undefined): { idempotencyKey?: string } {
  return header === undefined ? {} : { idempotencyKey: header };
}

const issuedResponses = {
  200: json(NewlyIssued, 'Made by an earlier request with the same Idempotency-Key.'),
  201: json(NewlyIssued, 'Made.'),
};

function readRoutes(routes: NativeRoutes, { tokens }: HttpDeps): void {
  const list = secured({
    method: 'get',
    path: '/api/v1/tokens',
    tags,
    summary: 'One’s own tokens, or everyone’s with "manage all"',
    request: { query: TokenQuery },
    responses: { 200: json(TokenPage, 'One page.') },
  });
  routes.openapi(list, async (c) => {
    const { items, nextCursor } = await tokens.list(c.get('caller'), listQuery(c.req.valid('query')));
    return c.json({ items: items.map(tokenJson), nextCursor }, 200);
  });

  const show = secured({
    method: 'get',
    path: '/api/v1/tokens/{tid}',
    tags,
    summary: 'One token',
    request: { params: Tid },
    responses: { 200: json(Token, 'The token.') },
  });
  routes.openapi(show, async (c) =>
    c.json(tokenJson(await tokens.get(c.get('caller'), c.req.valid('param').tid)), 200),
  );
}

function makeRoutes(routes: NativeRoutes, { tokens }: HttpDeps): void {
  const issue = secured({
    method: 'post',
    path: '/api/v1/tokens',
    tags,
    summary: 'Issue a token',
    request: { headers: IdempotencyKey, body: body(NewToken) },
    responses: issuedResponses,
  });
  routes.openapi(issue, async (c) => {
    const key = keyOf(c.req.valid('header')['idempotency-key']);
    const issued = await tokens.issue(c.get('caller'), { ...defined(c.req.valid('json')), ...key });
    return c.json(issuedJson(issued), statusOf(issued));
  });

  const rotate = secured({
    method: 'post',
    path: '/api/v1/tokens/{tid}/rotate',
    tags,
    summary: 'A new secret with the same label and limits; the old one lives on for an overlap',
    request: { params: Tid, headers: IdempotencyKey, body: optionalBody(Rotation) },
    responses: issuedResponses,
  });
  routes.openapi(rotate, async (c) => {
    const { overlap, lifetime } = c.req.valid('json');
    const key = keyOf(c.req.valid('header')['idempotency-key']);
    const request = defined({ overlapMs: overlap, lifetime, ...key });
    const issued = await tokens.rotate(c.get('caller'), c.req.valid('param').tid, request);
    return c.json(issuedJson(issued), statusOf(issued));
  });
}

function changeRoutes(routes: NativeRoutes, { tokens }: HttpDeps): void {
  const edit = secured({
    method: 'patch',
    path: '/api/v1/tokens/{tid}',
    tags,
    summary: 'Change label or description; an expiry can not be changed',
    request: { params: Tid, body: body(TokenEdit) },
    responses: { 200: json(Token, 'As it is now.') },
  });
  routes.openapi(edit, async (c) => {
    const change = defined(c.req.valid('json'));
    return c.json(tokenJson(await tokens.edit(c.get('caller'), c.req.valid('param').tid, change)), 200);
  });

  const revoke = secured({
    method: 'delete',
    path: '/api/v1/tokens/{tid}',
    tags,
    summary: 'Revoke a token; its live sessions close',
    request: { params: Tid, query: z.object({ reason: Reason }) },
    responses: { 204: NO_CONTENT },
  });
  routes.openapi(revoke, async (c) => {
    await tokens.revoke(c.get('caller'), c.req.valid('param').tid, c.req.valid('query').reason);
    return c.body(null, 204);
  });
}

function bulkRoutes(routes: NativeRoutes, { tokens }: HttpDeps): void {
  const many = secured({
    method: 'post',
    path: '/api/v1/tokens/revoke',
    tags,
    summary: 'Revoke several tokens: all of them, or none when one is unknown',
    request: { body: body(Revocation) },
    responses: { 200: json(Count, 'How many were not revoked before.') },
  });
  routes.openapi(many, async (c) => {
    const { tids, reason } = c.req.valid('json');
    return c.json({ revoked: await tokens.revokeMany(c.get('caller'), tids, reason) }, 200);
  });

  const all = secured({
    method: 'delete',
    path: '/api/v1/users/{uid}/tokens',
    tags,
    summary: 'Revoke all tokens of a user',
    request: { params: z.object({ uid: Uid }), query: z.object({ reason: Reason }) },
    responses: { 200: json(Count, 'How many were not revoked before.') },
  });
  routes.openapi(all, async (c) => {
    const { uid } = c.req.valid('param');
    const revoked = await tokens.revokeAll(c.get('caller'), uid, c.req.valid('query').reason);
    return c.json({ revoked }, 200);
  });
}

/** `/api/v1/tokens` and what hangs below. */
export function tokenRoutes(routes: NativeRoutes, deps: HttpDeps): void {
  readRoutes(routes, deps);
  bulkRoutes(routes, deps);
  makeRoutes(routes, deps);
  changeRoutes(routes, deps);
}
