import { sql } from 'kysely';
import { RequestError } from '../core/errors.ts';
import { isUuid } from '../core/uuid.ts';
import { answering } from '../store/errors.ts';
import type { AccountDeps } from './account-deps.ts';
import type { Actor } from './actor.ts';
import { demandPrivilege } from './permission.ts';
import type { UserQuery } from './service.ts';
import { selectUsers } from './user-rows.ts';
import type { Page, UserView } from './views.ts';

const DEFAULT_LIMIT = 100;
const MOST_ROWS = 1000;

export async function listUsers(
  deps: AccountDeps,
  actor: Actor,
  query: UserQuery = {},
): Promise<Page<UserView>> {
  demandPrivilege(actor, 'manage_all');
  const limit = Math.min(Math.max(query.limit ?? DEFAULT_LIMIT, 1), MOST_ROWS);
  const states = query.states ?? ['active', 'disabled'];
  const search = (query.search ?? '').replaceAll('\0', '');
  const pattern = `%${search.replace(/[\\%_]/g, (character) => `\\${character}`)}%`;
  const users = await answering(() =>
    selectUsers(
      deps.store.db,
      sql`where (${search} = '' or u.name ilike ${pattern} or u.email ilike ${pattern} or u.display_name ilike ${pattern})
      and (${query.kind ?? null}::text is null or u.kind = ${query.kind ?? null})
      and case when u.removed_at is not null then 'removed' when u.disabled_at is not null then 'disabled' else 'active' end
        = any(${[...states]}::text[])
      and (u.name, u.uid) > (${cursorName(query.cursor)}, ${cursorUid(query.cursor)}::uuid)
      order by u.name, u.uid limit ${limit + 1}`,
    ),
  );
  const items = users.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: users.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** A page ends with a name and a uid; the cursor is both. */
function cursorOf({ uid, name }: UserView): string {
  return Buffer.from(`${uid}${name}`).toString('base64url');
}

const UUID_LENGTH = 36;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

function cursorName(cursor: string | null | undefined): string {
  return Buffer.from(cursor ?? '', 'base64url')
    .toString()
    .slice(UUID_LENGTH)
    .replaceAll('\0', '');
}

function cursorUid(cursor: string | null | undefined): string {
  if (cursor === null || cursor === undefined) return BEFORE_ALL;
  const uid = Buffer.from(cursor, 'base64url').toString().slice(0, UUID_LENGTH);
  if (!isUuid(uid)) throw new RequestError('request.invalid', 'That is no cursor of this list.');
  return uid;
}
