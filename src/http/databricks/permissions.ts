import type { Hono } from 'hono';
import { z } from 'zod';
import type { Grantee, GrantView } from '../../accounts/views.ts';
import { RequestError } from '../../core/errors.ts';
import { readJson } from '../body.ts';
import { demandAdmin } from '../../accounts/permission.ts';
import type { HttpDeps } from '../deps.ts';
import type { Caller, HttpEnv } from '../env.ts';
import { InvalidRequest } from '../failure.ts';

const PATH = '/api/2.0/permissions/authorization/tokens';
const OBJECT_ID = '/authorization/tokens';
/** Databricks' group of everyone in a workspace. */
const EVERYONE = 'users';
const ADMINS = 'admins';

const LEVELS = [
  { permission_level: 'CAN_USE', description: 'Can use tokens' },
  { permission_level: 'CAN_MANAGE', description: 'Can manage tokens' },
] as const;

const Entry = z.object({
  user_name: z.string().min(1).optional(),
  group_name: z.string().min(1).optional(),
  service_principal_name: z.string().min(1).optional(),
  permission_level: z.string().optional(),
});
const AccessControl = z.object({ access_control_list: z.array(Entry).max(1000).default([]) });

type Named = Pick<z.output<typeof Entry>, 'user_name' | 'group_name' | 'service_principal_name'>;

/** Whom an entry names. A service principal may be named by its application id, as there, or by name. */
async function granteeOf({ accounts }: HttpDeps, caller: Caller, entry: Named): Promise<Grantee> {
  const { user_name: user, group_name: group, service_principal_name: service } = entry;
  if ([user, group, service].filter((name) => name !== undefined).length !== 1) {
    const message = 'Exactly one of user_name, group_name and service_principal_name is needed.';
    throw new InvalidRequest([{ path: ['access_control_list'], message }]);
  }
  if (group === EVERYONE) {
    const groups = await accounts.listGroups(caller);
    if (groups.some(({ name }) => name === EVERYONE)) throw ambiguous(EVERYONE);
    return { kind: 'everyone' };
  }
  if (group !== undefined) return { kind: 'group', name: group };
  if (user !== undefined) {
    return { kind: 'user', name: (await accounts.getUser(caller, { nameOrEmail: user })).name };
  }
  const applicationId = service ?? '';
  const found =
    (await accounts.findUser(caller, { applicationId })) ??
    (await accounts.getUser(caller, { name: applicationId }));
  return { kind: 'user', name: found.name };
}

/** The entries' grantees; the administrators' own right is neither given nor taken here. */
async function grantees(
  deps: HttpDeps,
  caller: Caller,
  entries: readonly z.output<typeof Entry>[],
): Promise<Grantee[]> {
  const result: Grantee[] = [];
  for (const entry of entries) {
    const { group_name: group, permission_level: level } = entry;
    if (group === ADMINS) {
      if (level === 'CAN_MANAGE') continue;
      throw new RequestError('request.invalid', `Cannot change permissions for group '${ADMINS}' to None`);
    }
    if (level !== 'CAN_USE') {
      throw new InvalidRequest([{ path: ['permission_level'], message: 'must be CAN_USE' }]);
    }
    result.push(await granteeOf(deps, caller, entry));
  }
  return result;
}

/** A list that shows a group of ours by the name of one of theirs would come back as a right for everybody. */
async function demandOwnNames({ accounts }: HttpDeps, caller: Caller): Promise<void> {
  for (const { grantee } of await accounts.listGrants(caller, 'can_use')) {
    if (grantee.kind !== 'group') continue;
    if (grantee.name === EVERYONE || grantee.name === ADMINS) throw ambiguous(grantee.name);
  }
}

function ambiguous(group: string): RequestError {
  return new RequestError(
    'request.conflict',
    `There is a group "${group}", which this interface can not tell from its own '${group}'; see /api/v1/privileges.`,
  );
}

async function nameOf({ accounts }: HttpDeps, caller: Caller, grant: GrantView): Promise<Named> {
  const { grantee, granteeKind, granteeId } = grant;
  if (grantee.kind === 'everyone') return { group_name: EVERYONE };
  if (grantee.kind === 'group') return { group_name: grantee.name };
  if (granteeKind !== 'service' || granteeId === null) return { user_name: grantee.name };
  const { applicationId } = await accounts.getUser(caller, { uid: granteeId });
  return { service_principal_name: applicationId ?? grantee.name };
}

async function accessControlList(deps: HttpDeps, caller: Caller): Promise<object> {
  const direct = [{ permission_level: 'CAN_USE', inherited: false }];
  const list: object[] = [];
  for (const grant of await deps.accounts.listGrants(caller, 'can_use')) {
    list.push({ ...(await nameOf(deps, caller, grant)), all_permissions: direct });
  }
  list.push({
    group_name: ADMINS,
    all_permissions: [
      { permission_level: 'CAN_MANAGE', inherited: true, inherited_from_object: ['/authorization/'] },
    ],
  });
  return { object_id: OBJECT_ID, object_type: 'tokens', access_control_list: list };
}

/** `/api/2.0/permissions/authorization/tokens`: who may use tokens. PUT replaces, PATCH adds. */
export function permissionRoutes(routes: Hono<HttpEnv>, deps: HttpDeps): void {
  const { accounts } = deps;
  for (const path of [PATH, `${PATH}/*`]) {
    routes.use(path, async (c, next) => {
      demandAdmin(c.get('caller'));
      await next();
    });
  }

  routes.get(`${PATH}/permissionLevels`, (c) => c.json({ permission_levels: LEVELS }));
  routes.use(PATH, async (c, next) => {
    await demandOwnNames(deps, c.get('caller'));
    await next();
  });

  routes.get(PATH, async (c) => c.json(await accessControlList(deps, c.get('caller'))));

  routes.put(PATH, async (c) => {
    const caller = c.get('caller');
    const { access_control_list: entries } = await readJson(c, AccessControl);
    await accounts.replaceGrants(caller, 'can_use', await grantees(deps, caller, entries));
    return c.json(await accessControlList(deps, caller));
  });

  routes.patch(PATH, async (c) => {
    const caller = c.get('caller');
    const { access_control_list: entries } = await readJson(c, AccessControl);
    for (const grantee of await grantees(deps, caller, entries)) {
      await accounts.grant(caller, 'can_use', grantee);
    }
    return c.json(await accessControlList(deps, caller));
  });
}
