import type { Secret } from '../core/secret.ts';
import type { Actor, Privilege } from './actor.ts';
import type { PrincipalKind } from './principal.ts';
import type { Grantee, GrantView, GroupView, Page, UserView } from './views.ts';

export interface NewUser {
  readonly name: string;
  readonly kind?: PrincipalKind;
  readonly email?: string | null;
  readonly displayName?: string | null;
  readonly password?: Secret;
  /** Service principals only; made up when left out. */
  readonly applicationId?: string;
  readonly engineRole?: string | null;
  readonly defaultDatabase?: string | null;
  readonly databases?: readonly string[] | null;
  /** Addresses or CIDR; null or empty: no rule. */
  readonly networks?: readonly string[] | null;
}

/** What is left out stays as it is. */
export interface UserPatch {
  readonly email?: string | null;
  readonly displayName?: string | null;
  readonly engineRole?: string | null;
  readonly defaultDatabase?: string | null;
  readonly databases?: readonly string[] | null;
  readonly networks?: readonly string[] | null;
}

export interface UserQuery {
  /** Part of the name, e-mail or display name, in any case. */
  readonly search?: string;
  readonly kind?: PrincipalKind;
  /** Left out: active and disabled ones. */
  readonly states?: readonly UserView['state'][];
  /** 1 to 1,000; 100 when left out. */
  readonly limit?: number;
  readonly cursor?: string | null;
}

/** How a user may be named by a caller. */
export type UserReference =
  | { readonly uid: string }
  | { readonly name: string }
  | { readonly nameOrEmail: string }
  | { readonly numericId: number }
  | { readonly applicationId: string };

/**
 * Users, groups and privileges. Every method checks the actor's privileges first.
 * @throws RequestError request.forbidden, request.not_found, request.conflict, request.invalid
 * @throws GatewayError store.unreachable, store.read_only
 */
export interface AccountService {
  addUser(actor: Actor, user: NewUser): Promise<UserView>;
  /** Oneself, or with *manage all* anyone. Removed users are found by uid and numericId only. */
  getUser(actor: Actor, reference: UserReference): Promise<UserView>;
  /** Like getUser, but null where that throws request.not_found or request.forbidden. */
  findUser(actor: Actor, reference: UserReference): Promise<UserView | null>;
  listUsers(actor: Actor, query?: UserQuery): Promise<Page<UserView>>;
  /**
   * @param options.force also when the actor's own networks will not have the actor's address
   * @throws RequestError request.locks_out
   */
  setUser(
    actor: Actor,
    uid: string,
    patch: UserPatch,
    options?: { readonly force?: boolean },
  ): Promise<UserView>;
  /** One's own, or with *admin* anyone's. */
  setPassword(actor: Actor, uid: string, password: Secret): Promise<void>;
  disableUser(actor: Actor, uid: string): Promise<UserView>;
  enableUser(actor: Actor, uid: string): Promise<UserView>;
  /** The row and its tokens stay visible to administrators; the name can be used again. */
  removeUser(actor: Actor, uid: string): Promise<UserView>;

  addGroup(actor: Actor, name: string): Promise<GroupView>;
  listGroups(actor: Actor): Promise<readonly GroupView[]>;
  removeGroup(actor: Actor, name: string): Promise<void>;
  addMember(actor: Actor, group: string, userName: string): Promise<void>;
  removeMember(actor: Actor, group: string, userName: string): Promise<void>;

  listGrants(actor: Actor, privilege?: Privilege): Promise<readonly GrantView[]>;
  grant(actor: Actor, privilege: Privilege, grantee: Grantee): Promise<void>;
  /** The last holder of *admin* keeps it: request.conflict. */
  ungrant(actor: Actor, privilege: Privilege, grantee: Grantee): Promise<void>;
  /** Makes the holders of a privilege exactly these, in one transaction. */
  replaceGrants(actor: Actor, privilege: Privilege, grantees: readonly Grantee[]): Promise<void>;

  /**
   * Makes sure that an administrator of that name exists, for a first start without a shell. Leaves the password of an
   * existing user alone.
   * @returns whether the user was made just now
   */
  bootstrapAdmin(name: string, password: Secret, extra?: { email?: string }): Promise<boolean>;
}
