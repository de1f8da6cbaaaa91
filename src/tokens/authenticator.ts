import type { Actor } from '../accounts/actor.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { Origin } from './service.ts';

/** Who somebody has proved to be, and by what. */
export interface ProvedCaller {
  readonly actor: Actor & { readonly uid: string };
  /** Of the password that was proved, see `passwordMark`; null when something else was. */
  readonly passwordMark: string | null;
}

/** `reason` is for the log and the audit; callers must look the same whatever it is, but for those of NETWORK_CODES, where all was right but the address. */
export type Authentication =
  | (ProvedCaller & {
      readonly ok: true;
      readonly expiresAt: Date | null;
      /** When the session that the secret stands for was opened; null when it stands for none. */
      readonly openedAt: Date | null;
      /** What kind of session that is. */
      readonly sessionKind: SessionKind | null;
    })
  | {
      readonly ok: false;
      readonly reason: ErrorCode;
      /** Whose secret it was, or whose account was aimed at, where that is known; for the audit alone. */
      readonly subject: { readonly uid: string; readonly name: string; readonly tid: string | null } | null;
    };

/** `login`: 30 hours, by name and password. `exchange`: one hour, for a personal access token. `web`: the page's cookie. */
export type SessionKind = 'login' | 'exchange' | 'web';

export interface OpenedSession {
  readonly token: Secret;
  /** No later than the end of the personal access token behind it. */
  readonly expiresAt: Date;
}

/**
 * Who a caller of HTTP, page or console is.
 * @throws GatewayError store.unreachable, login.overloaded
 */
export interface Authenticator {
  /**
   * Name with password or one of the own tokens; a token user name (`$token`) with any token, but never a session's. Takes
   * about as long whatever is wrong. Audited.
   */
  password(nameOrEmail: string, secret: Secret, origin: Origin): Promise<Authentication>;
  /** Somebody whom the operator's identity provider vouches for, by name or e-mail. Audited. */
  vouched(nameOrEmail: string, origin: Origin): Promise<Authentication>;
  /** A personal access token or a session token. Refusals are audited. Failures are told apart before any round trip where the shape shows them. */
  bearer(secret: Secret, origin: Origin): Promise<Authentication>;
  /**
   * Refusals are audited.
   * @param lifetimeMs when left out, by kind: 30 h, 1 h, 12 h
   * @throws RequestError request.unauthenticated, when the password was changed, the user disabled or the token revoked since
   */
  openSession(proved: ProvedCaller, kind: SessionKind, lifetimeMs?: number): Promise<OpenedSession>;
  /** Also what was opened on the wire by it. Ending one that is not there is no error. Audited. */
  endSession(secret: Secret, origin?: Origin): Promise<void>;
}
