import type { Privilege } from './actor.ts';
import type { PrincipalKind } from './principal.ts';

export type AccountState = 'active' | 'disabled' | 'removed';

/** A user as people and scripts may see it. */
export interface UserView {
  readonly uid: string;
  /** The same user for interfaces that want an integer (Databricks). */
  readonly numericId: number;
  readonly name: string;
  readonly email: string | null;
  readonly displayName: string | null;
  readonly kind: PrincipalKind;
  /** Service principals only: a UUID for interfaces that want one (Databricks). */
  readonly applicationId: string | null;
  readonly state: AccountState;
  readonly engineRole: string | null;
  readonly defaultDatabase: string | null;
  /** Null: any. */
  readonly databases: readonly string[] | null;
  /** CIDR that they may log in from; null: anywhere that the policy allows. */
  readonly networks: readonly string[] | null;
  readonly hasPassword: boolean;
  /** Names of groups. */
  readonly groups: readonly string[];
  /** Effective ones: granted directly, through groups, or to everyone by policy; closed upwards. */
  readonly privileges: readonly Privilege[];
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
  readonly removedAt: Date | null;
}

export interface GroupView {
  readonly gid: string;
  readonly name: string;
  /** Names of users. */
  readonly members: readonly string[];
  readonly createdAt: Date;
}

/** `everyone` can only hold `can_use`. */
export type Grantee =
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'everyone' };

export interface GrantView {
  readonly privilege: Privilege;
  readonly grantee: Grantee;
  /** Of the user or group; null for everyone. */
  readonly granteeId: string | null;
  /** For a user: person or service principal. */
  readonly granteeKind: PrincipalKind | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Give it to the next call; null after the last page. */
  readonly nextCursor: string | null;
}
