import { sql, type Kysely } from 'kysely';
import type { Actor } from '../accounts/actor.ts';
import { RequestError } from '../core/errors.ts';
import type { Database } from '../store/schema.ts';
import { parseTokenId } from './alias.ts';
import { selectViews, viewOf, type TokenViewRow } from './view-rows.ts';
import type { TokenView } from './views.ts';

/** @throws RequestError request.not_found */
export function tidOf(id: string): string {
  const tid = parseTokenId(id);
  if (tid === null) throw noSuchToken(id);
  return tid;
}

/** What is not the actor's to see does not exist for the actor. */
export function maySee(actor: Actor, ownerUid: string): boolean {
  return actor.privileges.has('manage_all') || actor.uid === ownerUid;
}

/** @throws RequestError request.not_found */
export async function readView(db: Kysely<Database>, tid: string, now: Date): Promise<TokenView> {
  return viewOf(await readRow(db, tid), now);
}

/** @throws RequestError request.not_found, also for what the actor may not see */
export async function readVisible(
  db: Kysely<Database>,
  actor: Actor,
  tid: string,
  now: Date,
): Promise<TokenView> {
  const row = await readRow(db, tid);
  if (!maySee(actor, row.uid)) throw noSuchToken(tid);
  return viewOf(row, now);
}

export function noSuchToken(id: string): RequestError {
  return new RequestError('request.not_found', `There is no token ${id.slice(0, 64)}.`);
}

async function readRow(db: Kysely<Database>, tid: string): Promise<TokenViewRow> {
  const { rows } = await selectViews(sql`where t.tid = ${tid}`).execute(db);
  const [row] = rows;
  if (row === undefined) throw noSuchToken(tid);
  return row;
}
