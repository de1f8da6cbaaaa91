declare const proved: unique symbol;

export type PrincipalKind = 'person' | 'service';

/** How a wire login was proved. */
export type Mechanism = 'cleartext' | 'scram-sha-256' | 'scram-sha-256-plus' | 'oauthbearer';

/** The token that a session was opened with, and the limits that it puts on the session. */
export interface PrincipalToken {
  readonly tid: string;
  /** Names the access token that it was exchanged for, where the session was opened with one; see TokenCredential. */
  readonly exchange: string | null;
  readonly label: string;
  /** When it stops working: its expiry, or the end of a rotation's overlap if that comes first. */
  readonly expiresAt: Date | null;
  /** Null: any. */
  readonly databases: readonly string[] | null;
  /** CIDR; null: from anywhere. */
  readonly networks: readonly string[] | null;
  readonly role: string | null;
  /** An administrator gave that role, though it was not the owner's. */
  readonly roleGranted: boolean;
  readonly maxSessions: number | null;
  readonly scopes: readonly string[];
}

export interface PrincipalFacts {
  readonly uid: string;
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly provedBy: 'password' | 'token' | 'oauth';
  readonly mechanism: Mechanism;
  /** Null unless proved by a token. */
  readonly token: PrincipalToken | null;
  /** Which of the account's passwords it was; null unless proved by one. */
  readonly passwordVersion: number | null;
  /** The account's role on the engine; the token's role, when it has one, goes before it. */
  readonly engineRole: string | null;
  readonly defaultDatabase: string | null;
  /** What the account may reach; null: any. */
  readonly databases: readonly string[] | null;
  /** CIDR that the account may log in from; null: anywhere. */
  readonly networks: readonly string[] | null;
  /** The same, for everybody. */
  readonly policyNetworks: readonly string[] | null;
}

/** A proved identity. Only `provePrincipal` makes one, so holding one means that a secret was checked. */
export type Principal = PrincipalFacts & { readonly [proved]: true };

/** To be called where a secret has just been found right, and nowhere else. */
export function provePrincipal(facts: PrincipalFacts): Principal {
  return facts as Principal;
}
