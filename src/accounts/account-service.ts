import type { AccountDeps } from './account-deps.ts';
import { systemActor } from './actor.ts';
import * as groups from './groups.ts';
import type { AccountService } from './service.ts';
import * as users from './users.ts';
import { findUserRow } from './user-rows.ts';

export type { AccountDeps } from './account-deps.ts';

export function createAccountService(deps: AccountDeps): AccountService {
  return {
    addUser: (actor, user) => users.addUser(deps, actor, user),
    getUser: (actor, reference) => users.getUser(deps, actor, reference),
    async findUser(actor, reference) {
      const user = await findUserRow(deps.store.db, reference);
      const visible = user !== null && (user.uid === actor.uid || actor.privileges.has('manage_all'));
      return visible ? user : null;
    },
    listUsers: (actor, query) => users.listUsers(deps, actor, query),
    setUser: (actor, uid, patch) => users.setUser(deps, actor, uid, patch),
    setPassword: (actor, uid, password) => users.setPassword(deps, actor, uid, password),
    disableUser: async (actor, uid) => users.disableUser(deps, actor, uid),
    enableUser: async (actor, uid) => users.enableUser(deps, actor, uid),
    removeUser: async (actor, uid) => users.removeUser(deps, actor, uid),
    addGroup: (actor, name) => groups.addGroup(deps, actor, name),
    listGroups: (actor) => groups.listGroups(deps, actor),
    removeGroup: (actor, name) => groups.removeGroup(deps, actor, name),
    addMember: (actor, group, name) => groups.addMember(deps, actor, group, name),
    removeMember: (actor, group, name) => groups.removeMember(deps, actor, group, name),
    listGrants: (actor, privilege) => groups.listGrants(deps, actor, privilege),
    grant: (actor, privilege, grantee) => groups.grant(deps, actor, privilege, grantee),
    ungrant: (actor, privilege, grantee) => groups.ungrant(deps, actor, privilege, grantee),
    replaceGrants: (actor, privilege, grantees) => groups.replaceGrants(deps, actor, privilege, grantees),
    async bootstrapAdmin(name, password, extra) {
      const system = systemActor('bootstrap');
      const existing = await findUserRow(deps.store.db, { name });
      if (existing === null) {
        const email = extra?.email === undefined ? {} : { email: extra.email };
        await users.addUser(deps, system, { name, password, ...email });
      }
      if (existing?.privileges.includes('admin') !== true) {
        await groups.grant(deps, system, 'admin', { kind: 'user', name });
      }
      return existing === null;
    },
  };
}
