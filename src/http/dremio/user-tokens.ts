import type { Hono } from 'hono';
import { z } from 'zod';
import type { UserReference } from '../../accounts/service.ts';
import { RequestError } from '../../core/errors.ts';
import type { IssueRequest } from '../../tokens/service.ts';
import type { TokenStanding } from '../../tokens/standing.ts';
import type { TokenView } from '../../tokens/views.ts';
import { allTokens } from '../all-tokens.ts';
import { readJson } from '../body.ts';
import { demandPrivilege } from '../../accounts/permission.ts';
import type { HttpDeps } from '../deps.ts';
import type { Caller, HttpEnv } from '../env.ts';

/** Cloud writes times as epoch milliseconds, Software as ISO-8601 strings. */
export type TimeFormat = (time: Date) => number | string;

interface Options {
  /** `/v0/user` or `/api/v3/user`. */
  readonly base: string;
  readonly time: TimeFormat;
}

type Deps = Pick<HttpDeps, 'tokens' | 'accounts'>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Expired tokens are shown, revoked ones are gone. */
const SHOWN: readonly TokenStanding[] = ['live', 'expired', 'owner_disabled', 'no_privilege', 'tokens_off'];

/** A number of milliseconds, or the same in a string. */
const Milliseconds = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,16}$/)
      .transform(Number),
  ])
  .pipe(z.int().positive());

const NewToken = z.object({ label: z.string().min(1), millisecondsToExpire: Milliseconds.nullish() });

/**
 * The user that a path names: oneself, or with *manage all* anyone; the others do not learn whether there is such a user.
 * @throws RequestError forbidden, not_found
 */
async function resolveUid({ accounts }: Deps, caller: Caller, idOrName: string): Promise<string> {
  if (idOrName === caller.uid || idOrName === caller.name) return caller.uid;
  demandPrivilege(caller, 'manage_all');
  const reference: UserReference = UUID.test(idOrName) ? { uid: idOrName } : { name: idOrName };
  return (await accounts.getUser(caller, reference)).uid;
}

/** @throws RequestError not_found also for a token of somebody else than the path says */
async function revokeOne({ tokens }: Deps, caller: Caller, uid: string, tid: string): Promise<void> {
  const token = await tokens.get(caller, tid);
  if (token.uid !== uid || token.state === 'revoked') {
    throw new RequestError('request.not_found', `No token ${tid}.`);
  }
  await tokens.revoke(caller, token.tid);
}

function tokenJson({ label, createdAt, expiresAt, tid, uid }: TokenView, time: TimeFormat): object {
  return {
    label,
    createdAt: time(createdAt),
    expiresAt: expiresAt === null ? null : time(expiresAt),
    tid,
    uid,
  };
}

function issueRequest({ label, millisecondsToExpire: ms }: z.output<typeof NewToken>): IssueRequest {
  return { label, lifetime: typeof ms === 'number' ? { ms } : 'default' };
}

/** List, create, delete one, delete all: the same in Dremio Cloud and Software but for paths and times. */
export function userTokenRoutes(routes: Hono<HttpEnv>, deps: Deps, { base, time }: Options): void {
  const { tokens } = deps;

  routes.get(`${base}/:user/token`, async (c) => {
    const caller = c.get('caller');
    const owner = await resolveUid(deps, caller, c.req.param('user'));
    const all = await allTokens(tokens, caller, { owner, states: SHOWN });
    return c.json({ data: all.map((token) => tokenJson(token, time)) });
  });

  routes.post(`${base}/:user/token`, async (c) => {
    const caller = c.get('caller');
    const owner = await resolveUid(deps, caller, c.req.param('user'));
    if (owner !== caller.uid) {
      throw new RequestError('request.forbidden', 'Tokens can only be created for oneself.');
    }
    const { token } = await tokens.issue(caller, issueRequest(await readJson(c, NewToken)));
    return c.text(token?.reveal() ?? '');
  });

  routes.delete(`${base}/:user/token/:tid`, async (c) => {
    const caller = c.get('caller');
    const uid = await resolveUid(deps, caller, c.req.param('user'));
    await revokeOne(deps, caller, uid, c.req.param('tid'));
    return c.body(null, 204);
  });

  routes.delete(`${base}/:user/token`, async (c) => {
    const caller = c.get('caller');
    await tokens.revokeAll(caller, await resolveUid(deps, caller, c.req.param('user')));
    return c.body(null, 204);
  });
}
