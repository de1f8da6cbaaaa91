import { z } from '@hono/zod-openapi';
import { AUDIT_ACTIONS } from '../../store/audit.ts';
import type { HttpDeps } from '../deps.ts';
import { defined } from '../../core/defined.ts';
import { body, json, secured, type NativeRoutes } from './describe.ts';
import { AuditRow, Limit, Session, TimeParameter, Uid } from './schemas.ts';
import { Reason } from './token-requests.ts';

const Sessions = z.object({ items: z.array(Session) }).openapi('Sessions');
const Kill = z
  .strictObject({ sids: z.array(z.guid()).min(1).max(1000), reason: Reason })
  .openapi('KillSessions');
const ACCEPTED = {
  description: 'Told to the processes that run them; they close within two seconds.',
} as const;

/** `/api/v1/sessions` */
export function sessionRoutes(routes: NativeRoutes, { oversight }: HttpDeps): void {
  const tags = ['sessions'];
  const list = secured({
    method: 'get',
    path: '/api/v1/sessions',
    tags,
    summary: 'Live sessions: one’s own, or everyone’s with "manage all"',
    request: { query: z.object({ uid: Uid.optional(), tid: z.guid().optional(), limit: Limit }) },
    responses: { 200: json(Sessions, 'Newest first.') },
  });
  routes.openapi(list, async (c) => {
    const sessions = await oversight.sessions(c.get('caller'), defined(c.req.valid('query')));
    return c.json({ items: sessions.map((session) => Session.parse(session)) }, 200);
  });

  const killOne = secured({
    method: 'delete',
    path: '/api/v1/sessions/{sid}',
    tags,
    summary: 'End a session',
    request: { params: z.object({ sid: z.guid() }), query: z.object({ reason: Reason }) },
    responses: { 202: ACCEPTED },
  });
  routes.openapi(killOne, async (c) => {
    const { sid } = c.req.valid('param');
    await oversight.killSessions(c.get('caller'), [sid], c.req.valid('query').reason);
    return c.body(null, 202);
  });

  const kill = secured({
    method: 'post',
    path: '/api/v1/sessions/kill',
    tags,
    summary: 'End several sessions: all of them, or none when one is unknown',
    request: { body: body(Kill) },
    responses: { 202: ACCEPTED },
  });
  routes.openapi(kill, async (c) => {
    const { sids, reason } = c.req.valid('json');
    await oversight.killSessions(c.get('caller'), sids, reason);
    return c.body(null, 202);
  });
}

const AuditQuery = z.object({
  action: z.enum(AUDIT_ACTIONS).optional(),
  outcome: z.enum(['ok', 'refused', 'failed']).optional(),
  uid: Uid.optional().openapi({ description: 'Who did it, or to whom.' }),
  actor: z.string().max(250).optional().openapi({ description: 'Name of who did it.' }),
  target: z.string().max(250).optional().openapi({ description: 'Name or id of what it was done to.' }),
  tid: z.guid().optional(),
  from: TimeParameter.optional(),
  before: TimeParameter.optional(),
  limit: Limit,
  beforeSeq: z.coerce.number().int().min(1).optional(),
});
const AuditRows = z.object({ items: z.array(AuditRow) }).openapi('AuditRows');
const Verdict = z
  .discriminatedUnion('ok', [
    z.object({
      ok: z.literal(true),
      rows: z.number().int(),
      firstSeq: z.number().int().nullable(),
      lastSeq: z.number().int(),
    }),
    z.object({ ok: z.literal(false), seq: z.number().int(), problem: z.string() }),
  ])
  .openapi('AuditVerdict');

/** `/api/v1/audit` */
export function auditRoutes(routes: NativeRoutes, { oversight }: HttpDeps): void {
  const tags = ['audit'];
  const list = secured({
    method: 'get',
    path: '/api/v1/audit',
    tags,
    summary: 'What was done, newest first ("manage all")',
    request: { query: AuditQuery },
    responses: { 200: json(AuditRows, 'Rows of the chain.') },
  });
  routes.openapi(list, async (c) => {
    const rows = await oversight.audit(c.get('caller'), defined(c.req.valid('query')));
    return c.json({ items: rows.map((row) => AuditRow.parse(row)) }, 200);
  });

  const verify = secured({
    method: 'get',
    path: '/api/v1/audit/verify',
    tags,
    summary: 'Whether no row was changed or taken out ("manage all")',
    responses: { 200: json(Verdict, 'The verdict.') },
  });
  routes.openapi(verify, async (c) =>
    c.json(Verdict.parse(await oversight.verifyAudit(c.get('caller'), c.req.raw.signal)), 200),
  );
}
