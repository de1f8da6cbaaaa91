/** From weakest to strongest; each includes the ones before it. */
export const PRIVILEGES = ['can_use', 'manage_all', 'admin'] as const;

/**
 * `can_use`: create and use own tokens. `manage_all`: list and revoke everyone's, create for others.
 * `admin`: users, groups, privileges, policy.
 */
export type Privilege = (typeof PRIVILEGES)[number];

/**
 * @param granted directly or by groups
 * @param everyoneMay whether policy lets everyone create and use tokens
 * @returns what that amounts to, since each privilege includes the weaker ones
 */
export function effectivePrivileges(
  granted: readonly Privilege[],
  everyoneMay: boolean,
): ReadonlySet<Privilege> {
  const strongest = Math.max(everyoneMay ? 0 : -1, ...granted.map((one) => PRIVILEGES.indexOf(one)));
  return new Set(PRIVILEGES.slice(0, strongest + 1));
}

/**
 * What a token may be allowed beyond opening sessions. Without a scope, whoever steals a token can not turn it into
 * credentials that outlive it. `tokens`: create and rotate tokens. `accounts`: add users, set passwords, grant privileges.
 */
export const SCOPES = ['tokens', 'accounts'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who does something by HTTP, page, console or command line, and by what right. */
export interface Actor {
  /** Null for the gateway itself and for a command line that talks to the store directly. */
  readonly uid: string | null;
  readonly name: string;
  /** Closed upwards: who has `admin` also has the others. */
  readonly privileges: ReadonlySet<Privilege>;
  /** `session`: a login or exchange token, or the web page's cookie. `oauth`: an access token of the operator's identity provider. */
  readonly via: 'password' | 'token' | 'session' | 'oauth' | 'cli' | 'system';
  /** The personal access token that stands behind this, also behind a session that was opened with one. */
  readonly tid: string | null;
  /** Scopes of that token; none where it is an identity provider's, ignored when there is no token. */
  readonly scopes: readonly string[];
  readonly address: string | null;
  readonly application: string | null;
}

/** Jobs and event handlers of the gateway. */
export function systemActor(name: string): Actor {
  return { ...UNLIMITED, name, via: 'system' };
}

/** Whoever can read the store's URL can do everything; the name is for the audit. */
export function commandLineActor(operatingSystemUser: string): Actor {
  return { ...UNLIMITED, name: operatingSystemUser, via: 'cli' };
}

const UNLIMITED = {
  uid: null,
  privileges: new Set(PRIVILEGES),
  tid: null,
  scopes: [],
  address: null,
  application: null,
} as const;
