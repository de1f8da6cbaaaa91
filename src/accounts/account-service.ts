import type { AuditAction } from '../store/audit.ts';
import type { AccountDeps } from './account-deps.ts';
import { systemActor, type Actor } from './actor.ts';
import * as grants from './grants.ts';
import * as groups from './groups.ts';
import { listUsers } from './list-users.ts';
import { auditRefusals } from './permission.ts';
import type { AccountService } from './service.ts';
import * as state from './user-state.ts';
import * as users from './users.ts';
import { findUserRow } from './user-rows.ts';

export type { AccountDeps } from './account-deps.ts';

export function createAccountService(deps: AccountDeps): AccountService {
  /** @param id of the user, group or privilege that it is about */
  const watched = <T>(actor: Actor, action: AuditAction, id: string | null, work: () => Promise<T>) => {
    const [kind = ''] = action.split('.', 1);
    const target = { kind, id, name: null };
    return auditRefusals((entry) => deps.audit.note(entry), actor, action, target, work);
  };
  return {
    getUser: (actor, reference) => users.getUser(deps, actor, reference),
    async findUser(actor, reference) {
      const user = await findUserRow(deps.store.db, reference);
      const visible = user !== null && (user.uid === actor.uid || actor.privileges.has('manage_all'));
      return visible ? user : null;
    },
    listUsers: (actor, query) => listUsers(deps, actor, query),
    addUser: (actor, user) => watched(actor, 'user.add', null, () => users.addUser(deps, actor, user)),
    setUser: (actor, uid, patch, options) =>
      watched(actor, 'user.set', uid, () => users.setUser(deps, actor, uid, patch, options)),
    setPassword: (actor, uid, password) =>
      watched(actor, 'user.password', uid, () => users.setPassword(deps, actor, uid, password)),
    disableUser: (actor, uid) =>
      watched(actor, 'user.disable', uid, () => state.disableUser(deps, actor, uid)),
    enableUser: (actor, uid) => watched(actor, 'user.enable', uid, () => state.enableUser(deps, actor, uid)),
    removeUser: (actor, uid) => watched(actor, 'user.remove', uid, () => state.removeUser(deps, actor, uid)),
    listGroups: (actor) => groups.listGroups(deps, actor),
    addGroup: (actor, name) => watched(actor, 'group.add', null, () => groups.addGroup(deps, actor, name)),
    removeGroup: (actor, name) =>
      watched(actor, 'group.remove', null, () => groups.removeGroup(deps, actor, name)),
    addMember: (actor, group, name) =>
      watched(actor, 'group.member_add', null, () => groups.addMember(deps, actor, group, name)),
    removeMember: (actor, group, name) =>
      watched(actor, 'group.member_remove', null, () => groups.removeMember(deps, actor, group, name)),
    listGrants: (actor, privilege) => grants.listGrants(deps, actor, privilege),
    grant: (actor, privilege, grantee) =>
      watched(actor, 'privilege.grant', privilege, () => grants.grant(deps, actor, privilege, grantee)),
    ungrant: (actor, privilege, grantee) =>
      watched(actor, 'privilege.ungrant', privilege, () => grants.ungrant(deps, actor, privilege, grantee)),
    replaceGrants: (actor, privilege, grantees) =>
      watched(actor, 'privilege.grant', privilege, () =>
        grants.replaceGrants(deps, actor, privilege, grantees),
      ),
    async bootstrapAdmin(name, password, extra) {
      const system = systemActor('bootstrap');
      const existing = await findUserRow(deps.store.db, { name });
      if (existing === null) {
        const email = extra?.email === undefined ? {} : { email: extra.email };
        await users.addUser(deps, system, { name, password, ...email });
      }
      if (existing?.privileges.includes('admin') !== true) {
        await grants.grant(deps, system, 'admin', { kind: 'user', name });
      }
      return existing === null;
    },
  };
}
